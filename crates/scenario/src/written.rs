//! Where a story was read from.

use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

/// The file of a story, and where in it those things are that some worlds refuse.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) source: Arc<NamedSource<String>>,
    /// `[racks]`, or the racks of `[swarm]`.
    pub(crate) racks: Option<Range<usize>>,
    /// Each of `[[faults]]`.
    pub(crate) faults: Vec<Range<usize>>,
    /// The etcd version of the file.
    pub(crate) version: Option<Range<usize>>,
}
