//! Each link of the chain: who reached it, where machines stopped, and how long it took.

use std::time::Duration;

use maud::{Markup, html};
use quorate_scenario::Link;

use super::plot::{bar, left};
use super::{Page, colour, grouped};
use crate::axis::WIDTH;
use crate::latency::Percentiles;
use crate::lease_times::{MEASURES, lease_times};
use crate::milestones::CHAIN;
use crate::stage::Stage;
use crate::text;

pub(super) fn section(page: &Page<'_>) -> Markup {
    let samples = &page.samples;
    html! {
        section #links {
            h2 { "Links" }
            p.lead {
                "How long each link took, on a logarithmic scale; ticks on the bars are the median and p99. Counted over "
                (text::count(page.rows.iter().map(|row| row.progress.boots.len()).sum(), "boot")) "."
            }
            div.choice {
                input #since type="radio" name="times" checked;
                label for="since" { "since power-on" }
                input #step type="radio" name="times";
                label for="step" { "since the link before" }
                div.times.since { (table(page, |link| samples.since_power_on.get(&link))) }
                div.times.step { (table(page, |link| samples.step.get(&link))) }
            }
            (leases(page))
        }
    }
}

/// How long machines waited for an address.
fn leases(page: &Page<'_>) -> Markup {
    let all = lease_times(page.story, page.outcome);
    if all.is_empty() {
        return Markup::default();
    }
    let shown = |value: u64| text::duration(Duration::from_nanos(value));
    html! {
        h3 { "Leases" }
        p.lead {
            "DISCOVER to ACK is from the first DISCOVER of a machine without a lease, retransmissions included."
        }
        div.scroll {
            table.leases {
                thead { tr {
                    th { "wait" } th { "machines" } th.num { "leases" } th.num { "p50" }
                    th.num { "p90" } th.num { "p99" } th.num { "p99.9" } th.num { "max" }
                } }
                tbody {
                    @for (title, of) in MEASURES {
                        @for (one, known) in all.iter().filter_map(|one| Some((one, of(one)?))) {
                            tr {
                                th { (title) } td { (one.machines.words()) }
                                td.num { (grouped(known.count)) }
                                td.num { (shown(known.p50)) } td.num { (shown(known.p90)) }
                                td.num { (shown(known.p99)) } td.num { (shown(known.p99_9)) }
                                td.num { (shown(known.max)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn table<'a>(page: &Page<'_>, nanos: impl Fn(Link) -> Option<&'a Vec<u64>>) -> Markup {
    let scale = Decades::new(CHAIN.iter().filter_map(|link| nanos(*link)));
    html! {
        div.scroll {
            table.links {
                thead {
                    tr {
                        th { "link" } th.num { "reached" } th.num { "stopped" }
                        th.wide { div.decades { (scale.labels()) } }
                        th.num { "p50" } th.num { "p90" } th.num { "p99" } th.num { "p99.9" }
                        th.num { "max" }
                    }
                }
                tbody {
                    @for link in CHAIN { (line(page, link, nanos(link), &scale)) }
                }
            }
        }
    }
}

fn line(page: &Page<'_>, link: Link, nanos: Option<&Vec<u64>>, scale: &Decades) -> Markup {
    let concerned = page.rows.iter().filter(|row| match link.is_boot() {
        true => row.progress.reached.contains_key(&link),
        false => row.progress.class.chain().contains(&link),
    });
    let concerned: Vec<_> = concerned.collect();
    if concerned.is_empty() {
        return Markup::default();
    }
    let reached = concerned
        .iter()
        .filter(|row| row.progress.reached.contains_key(&link))
        .count();
    let stopped = concerned
        .iter()
        .filter(|row| row.is_stuck() && next(row.stage(), row.progress.class.chain()) == Some(link))
        .count();
    let first = page.findings().first().map(|finding| finding.link);
    let known = nanos.and_then(|nanos| Percentiles::of(nanos));
    let shown = |value: u64| text::duration(Duration::from_nanos(value));
    html! {
        tr.first[first == Some(link)] {
            th { i class=(colour(stage(link))) {} (link)
                @if first == Some(link) { em { "first broken" } } }
            td.num { (grouped(reached as u64)) span.of { "/" (grouped(concerned.len() as u64)) } }
            td.num.bad[stopped > 0] { @if stopped > 0 { "✕ " (grouped(stopped as u64)) } }
            @match (known, nanos) {
                (Some(known), Some(nanos)) => {
                    td.wide { (scale.histogram(nanos, &known, stage(link))) }
                    td.num { (shown(known.p50)) } td.num { (shown(known.p90)) }
                    td.num { (shown(known.p99)) } td.num { (shown(known.p99_9)) }
                    td.num { (shown(known.max)) }
                }
                (_, _) => { td.wide {} td {} td {} td {} td {} td {} }
            }
        }
    }
}

/// The link that a machine in this stage waits for.
fn next(stage: Stage, chain: &[Link]) -> Option<Link> {
    match stage {
        Stage::Off | Stage::Done => None,
        Stage::At(link) => chain.iter().copied().find(|later| *later > link),
    }
}

/// The colour of a row whose machine has reached `link`.
fn stage(link: Link) -> Stage {
    match link {
        Link::Voter | Link::Quorum | Link::Writes => Stage::Done,
        Link::Power
        | Link::Firmware
        | Link::Script
        | Link::Kernel
        | Link::Initrd
        | Link::Installer
        | Link::Installed
        | Link::Userspace
        | Link::Discover
        | Link::Ack
        | Link::Name
        | Link::Seed
        | Link::Srv
        | Link::Etcd
        | Link::ClusterId => Stage::At(link),
    }
}

/// A logarithmic axis of whole decades.
struct Decades {
    /// Powers of ten of nanoseconds.
    from: i32,
    to: i32,
}

impl Decades {
    fn new<'a>(all: impl Iterator<Item = &'a Vec<u64>>) -> Self {
        let mut values = all.flatten().copied().map(|nanos| nanos.max(NANOS_MIN));
        let first = values.next().unwrap_or(NANOS_MIN);
        let (min, max) = values.fold((first, first), |(min, max), nanos| {
            (min.min(nanos), max.max(nanos))
        });
        let from = (min as f64).log10().floor() as i32;
        let to = (max as f64).log10().ceil() as i32;
        Self {
            from,
            to: to.max(from + 1),
        }
    }

    fn x(&self, nanos: u64) -> f64 {
        let place = (nanos.max(NANOS_MIN) as f64).log10() - f64::from(self.from);
        (place / f64::from(self.to - self.from)).clamp(0.0, 1.0) * WIDTH
    }

    fn labels(&self) -> Markup {
        html! {
            @for decade in self.from..self.to {
                @let nanos = 10u64.saturating_pow(decade.unsigned_abs());
                span style=(left(self.x(nanos))) { (round(nanos)) }
            }
        }
    }

    /// How often each time occurred; ticks at the median and p99.
    fn histogram(&self, nanos: &[u64], known: &Percentiles, stage: Stage) -> Markup {
        let bins = (self.to - self.from).unsigned_abs() as usize * BINS_PER_DECADE;
        let mut counts = vec![0u64; bins];
        for value in nanos {
            let bin = (self.x(*value) / WIDTH * bins as f64) as usize;
            counts[bin.min(bins - 1)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        let width = WIDTH / bins as f64;
        let mut path = String::new();
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = (*count as f64 / most as f64 * HEIGHT).max(HEIGHT_MIN);
            path.push_str(&bar(bin as f64 * width, HEIGHT - height, width, height));
        }
        let tick = |nanos: u64| bar((self.x(nanos) - 1.0).max(0.0), 0.0, 2.0, HEIGHT);
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
                aria-hidden="true" {
                @for decade in self.from + 1..self.to {
                    @let x = self.x(10u64.saturating_pow(decade.unsigned_abs()));
                    path.grid d=(bar(x, 0.0, 1.0, HEIGHT)) {}
                }
                path class=(colour(stage)) d=(path) {}
                path.tick d={ (tick(known.p50)) (tick(known.p99)) } {}
            }
        }
    }
}

/// A power of ten.
fn round(nanos: u64) -> String {
    match nanos {
        0..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{} s", nanos / 1_000_000_000),
    }
}

/// What is shorter is drawn at the left edge.
const NANOS_MIN: u64 = 100_000;
const BINS_PER_DECADE: usize = 24;
const HEIGHT: f64 = 24.0;
const HEIGHT_MIN: f64 = 2.0;
