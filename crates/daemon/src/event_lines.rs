//! Events, written as lines to standard output.

use std::io;

use quorate_server::{Event, Line};

use crate::line_queue::LineQueue;

/// Writes each event as a line, and says how many it had to drop.
#[derive(Debug)]
pub struct EventLines {
    queue: LineQueue,
    render: fn(&Line) -> String,
    dropped: u64,
}

impl EventLines {
    /// Lines to standard output, as `render` makes them.
    pub fn to_stdout(render: fn(&Line) -> String) -> Self {
        Self::new(LineQueue::new(io::stdout()), render)
    }

    fn new(queue: LineQueue, render: fn(&Line) -> String) -> Self {
        Self {
            queue,
            render,
            dropped: 0,
        }
    }

    /// Writes the event, or drops it while nobody reads.
    pub fn emit(&mut self, line: &Line) {
        if self.dropped > 0 {
            let count = self.dropped;
            let event = Event::LinesDropped { count };
            let mono_ns = line.mono_ns;
            if self.push(&Line { mono_ns, event }) {
                self.dropped = 0;
            }
        }
        if !self.push(line) {
            self.dropped += 1;
        }
    }

    fn push(&self, line: &Line) -> bool {
        let mut text = (self.render)(line);
        text.push('\n');
        self.queue.push(text.into_bytes())
    }
}
