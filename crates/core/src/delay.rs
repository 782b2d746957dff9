//! Delays of random length that a world may record, or replay.
//!
//! A seed repeats a run for as long as the program draws as many numbers, in the same order. A
//! delay that is known by what it is for can be replayed by a program that draws otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Sees every delay that an engine has drawn, and decides how long it is.
pub trait DelayHook: fmt::Debug + Send + Sync {
    /// The engine drew `drawn` as the delay for `what`; it waits for as long as this answers.
    fn delay(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration;
}

/// The delays of one engine. Without a hook they are as they were drawn.
#[derive(Clone, Debug, Default)]
pub struct Delays(Option<Arc<dyn DelayHook>>);

impl Delays {
    /// From now on `hook` decides about every delay.
    pub fn set_delay_hook(&mut self, hook: Arc<dyn DelayHook>) {
        self.0 = Some(hook);
    }

    /// How long the delay for `what` is when `drawn` was drawn.
    pub fn decide(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration {
        match &self.0 {
            None => drawn,
            Some(hook) => hook.delay(what, drawn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Doubles;

    impl DelayHook for Doubles {
        fn delay(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration {
            assert_eq!(what.to_string(), "try 1");
            drawn * 2
        }
    }

    #[test]
    fn a_delay_hook_has_the_last_word() {
        let mut delays = Delays::default();
        let decide =
            |delays: &Delays| delays.decide(format_args!("try {}", 1), Duration::from_secs(1));
        assert_eq!(decide(&delays), Duration::from_secs(1));
        delays.set_delay_hook(Arc::new(Doubles));
        assert_eq!(decide(&delays), Duration::from_secs(2));
    }
}
