//! Pauses of random length that a world may write down, or have written down already.
//!
//! A seed repeats a run for as long as the program draws as many numbers, in the same order. A
//! pause that is known by what it is for can be given again to a program that draws otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Hears how long every pause would be, and says how long it is.
pub trait Prompter: fmt::Debug + Send + Sync {
    /// The pause for `what` was drawn as `drawn`; the answer is what it is.
    fn pause(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration;
}

/// The pauses of one engine. Without a prompter they are as they were drawn.
#[derive(Clone, Debug, Default)]
pub struct Pauses(Option<Arc<dyn Prompter>>);

impl Pauses {
    /// From now on `prompter` is asked about every pause.
    pub fn follow(&mut self, prompter: Arc<dyn Prompter>) {
        self.0 = Some(prompter);
    }

    /// How long the pause for `what` is when `drawn` was drawn.
    pub fn pause(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration {
        match &self.0 {
            None => drawn,
            Some(prompter) => prompter.pause(what, drawn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Twice;

    impl Prompter for Twice {
        fn pause(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration {
            assert_eq!(what.to_string(), "try 1");
            drawn * 2
        }
    }

    #[test]
    fn a_prompter_has_the_last_word() {
        let mut pauses = Pauses::default();
        let pause =
            |pauses: &Pauses| pauses.pause(format_args!("try {}", 1), Duration::from_secs(1));
        assert_eq!(pause(&pauses), Duration::from_secs(1));
        pauses.follow(Arc::new(Twice));
        assert_eq!(pause(&pauses), Duration::from_secs(2));
    }
}
