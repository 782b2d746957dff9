use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::Conclusion;

use super::*;

const ABSENT: Need = Need::Program("a-program-that-is-on-no-machine");

/// How a test ends that needs this, and whether its body ran.
fn ended(needs: &[Need], required: &str, body: fn()) -> (Conclusion, bool) {
    let arguments = Arguments::from_iter(["test", "--logfile", "/dev/null"]);
    let required = Required::parse(required).unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let inside = Arc::clone(&ran);
    let test = Test::new("a", needs, move || {
        inside.store(true, Ordering::Relaxed);
        body();
    });
    let trial = test.trial(&arguments, &required);
    let conclusion = libtest_mimic::run(&arguments, vec![trial]);
    (conclusion, ran.load(Ordering::Relaxed))
}

#[test]
fn a_test_that_has_all_it_needs_runs() {
    let (conclusion, ran) = ended(&[Need::Program("sh")], "all", || {});
    assert_eq!((conclusion.num_passed, ran), (1, true));
    let (conclusion, _) = ended(&[], "", || panic!("broken"));
    assert_eq!(conclusion.num_failed, 1);
}

#[test]
fn a_test_that_lacks_something_is_ignored_and_never_passes() {
    let (conclusion, ran) = ended(&[ABSENT], "", || {});
    assert_eq!((conclusion.num_ignored, conclusion.num_passed), (1, 0));
    assert!(!ran);
    // A requirement of something else is no requirement of this.
    let (conclusion, _) = ended(&[ABSENT], "host,docker", || {});
    assert_eq!(conclusion.num_ignored, 1);
}

#[test]
fn a_test_that_lacks_what_is_required_fails() {
    for required in ["clients", "all"] {
        let (conclusion, ran) = ended(&[ABSENT], required, || {});
        assert_eq!((conclusion.num_failed, ran), (1, false), "{required}");
    }
}

#[test]
fn the_reason_is_in_the_line() {
    let arguments = Arguments::from_iter(["test"]);
    let test = Test::new("a", &[ABSENT], || {});
    let trial = test.trial(&arguments, &Required::default());
    assert!(trial.has_ignored_flag());
    assert_eq!(
        trial.kind(),
        "not run: a-program-that-is-on-no-machine is not installed"
    );
}

#[test]
fn a_list_has_plain_names() {
    let arguments = Arguments::from_iter(["test", "--list"]);
    let trial = Test::new("a", &[ABSENT], || {}).trial(&arguments, &Required::default());
    assert_eq!((trial.kind(), trial.has_ignored_flag()), ("", true));
}
