//! What is measured, how often, and what is asked of it.

use crate::runs::{Measure, Series};

/// One part of the measurement.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) rounds: usize,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// One scenario, again and again.
    Runs(Series),
    /// The discovery methods, with three members.
    Compare,
    /// The same with twenty clusters at once.
    CompareClusters,
}

pub(crate) const PARTS: [Part; 9] = [
    Part {
        name: "rack-300",
        rounds: 5,
        what: What::Runs(Series {
            scenario: "rack-300",
            world: "host",
            targets: &[(Measure::Formed, 12.0), (Measure::TornDown, 1.0)],
        }),
    },
    Part {
        name: "rack-600",
        rounds: 3,
        what: What::Runs(Series {
            scenario: "rack-600",
            world: "host",
            targets: &[(Measure::Formed, 25.0), (Measure::TornDown, 1.0)],
        }),
    },
    Part {
        name: "stampede-1000",
        rounds: 5,
        what: What::Runs(Series {
            scenario: "stampede-1000",
            world: "host",
            targets: &[(Measure::AllLeased, 1.0), (Measure::Srv, 3.0)],
        }),
    },
    Part {
        name: "stampede-5000",
        rounds: 3,
        what: What::Runs(Series {
            scenario: "stampede-5000",
            world: "host",
            targets: &[(Measure::AllLeased, 6.0)],
        }),
    },
    Part {
        name: "stampede-10000",
        rounds: 1,
        what: What::Runs(Series {
            scenario: "stampede-10000",
            world: "host",
            targets: &[],
        }),
    },
    Part {
        name: "container",
        rounds: 10,
        what: What::Runs(Series {
            scenario: "three-members",
            world: "container",
            targets: &[(Measure::Wall, 5.0)],
        }),
    },
    Part {
        name: "containers-30",
        rounds: 3,
        what: What::Runs(Series {
            scenario: "containers-30",
            world: "container",
            targets: &[(Measure::Wall, 15.0)],
        }),
    },
    Part {
        name: "compare",
        rounds: 30,
        what: What::Compare,
    },
    Part {
        name: "compare-20",
        rounds: 10,
        what: What::CompareClusters,
    },
];
