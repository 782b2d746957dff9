//! See the library.

fn main() -> std::process::ExitCode {
    quorate::main()
}
