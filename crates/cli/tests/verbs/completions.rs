//! `quorate completions`

use crate::program::{quorate, stdout};

#[test]
fn every_shell_gets_its_script() {
    for (shell, word) in [
        ("bash", "_quorate()"),
        ("zsh", "#compdef quorate"),
        ("fish", "complete -c quorate"),
    ] {
        let output = quorate(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains(word), "{shell}");
    }
}
