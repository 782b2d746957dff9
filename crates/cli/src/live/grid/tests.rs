use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Action, Observation, Story, What};

use super::*;

const PLAIN: Look = Look {
    columns: 60,
    rows: 24,
    colour: false,
};

fn story(count: usize) -> Story {
    let text = format!(
        "title = \"many\"\n[network]\nsubnet = \"10.64.0.0/16\"\n[etcd]\n[[machines]]\nname = \"m\"\nclass = \"etcd\"\n\
         [[machines]]\nname = \"n\"\ncount = {count}\nclass = \"plain\"\n"
    );
    Story::parse("story.toml", &text).unwrap()
}

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// A board on which this was seen, milliseconds after the start.
fn board(count: usize, seen: &[(u64, &str, What)]) -> Board {
    let story = story(count);
    let (mut board, mut progress) = (Board::new(&story), StoryProgress::new(&story));
    for (ms, machine, what) in seen {
        let observation = Observation {
            at: at(*ms),
            machine: Some((*machine).to_owned()),
            what: what.clone(),
        };
        progress.observe(&observation);
        board.observe(&observation, &progress);
    }
    board
}

fn boot(ms: u64, machine: &'static str) -> Vec<(u64, &'static str, What)> {
    let addr = [10, 64, 0, 10].into();
    let message = "DISCOVER".to_owned();
    let sent = What::DhcpSent {
        message,
        attempt: 1,
    };
    let leased = What::Leased {
        addr,
        hostname: None,
        lease_secs: 60,
        renewed: false,
    };
    vec![
        (ms, machine, What::Did(Action::PowerOn)),
        (ms + 1, machine, sent),
        (ms + 10, machine, leased),
        (ms + 20, machine, What::ReversePublished { addr }),
    ]
}

#[test]
fn a_cell_for_each_of_many_machines() {
    let mut seen = boot(100, "m");
    seen.extend(boot(100, "n1"));
    seen.extend(boot(150, "n2").into_iter().take(3));
    seen.push((200, "n3", What::Did(Action::PowerOn)));
    let board = board(49, &seen);
    assert_eq!(
        frame(&board, PLAIN, at(1_000)),
        [
            "many",
            "n # a p · · · · · · · · · · · · · · · · · · · · · · · · · · ",
            "· · · · · · · · · · · · · · · · · · · · ",
            "· off 46  p power 1  d discover 0  a ack 1  n name 1",
            "s seed 0  r srv 0  e etcd 0  c cluster-id 0  # complete 1",
            "leases 3 (3/s)  DNS updates 0 (0/s)  etcd starts 0 (0/s)",
            "1.0 s  1 of 50 complete  about 29 s to go, at most 29 s",
        ]
    );
    assert_eq!(
        summary(&board, at(1_000)),
        "    1.000 s  50 machines: off 46, power 1, ack 1, name 1, complete 1"
    );
}

#[test]
fn few_machines_have_lines_and_a_power_cycle_begins_anew() {
    let mut seen = boot(100, "n1");
    seen.extend(boot(100, "n2"));
    seen.push((500, "n2", What::Did(Action::PowerOff)));
    seen.push((900, "n2", What::Did(Action::PowerOn)));
    seen.push((950, "n1", What::Did(Action::LinkDown)));
    let lines = frame(&board(2, &seen), PLAIN, at(1_000));
    assert_eq!(
        lines[1],
        "m   ○ power ○ lease ○ name ○ SRV ○ etcd ○ voter  off"
    );
    assert!(
        lines[2].starts_with("n1  ● power ● lease 10.64.0.10 ● name"),
        "{lines:?}"
    );
    assert!(
        lines[2].ends_with('…') || lines[2].ends_with("link down"),
        "{lines:?}"
    );
    assert!(
        lines[3].starts_with("n2  ● power ○ lease 10.64.0.10 ○ name"),
        "{lines:?}"
    );
}

#[test]
fn no_picture_is_larger_than_the_terminal() {
    for count in [2, 29, 499, 999, 9_999] {
        let board = board(count, &boot(100, "n1"));
        for (columns, rows) in [(80, 24), (40, 12), (200, 50), (20, 8), (1, 1)] {
            for colour in [false, true] {
                let look = Look {
                    columns,
                    rows,
                    colour,
                };
                let lines = frame(&board, look, at(1_000));
                assert!(
                    lines.len() < rows.max(2),
                    "{count} {look:?}: {}",
                    lines.len()
                );
                let widest = lines.iter().map(|line| width(line)).max().unwrap();
                assert!(widest <= columns.max(WIDEST), "{count} {look:?}: {widest}");
            }
        }
    }
}

/// What is counted is not cut.
const WIDEST: usize = 20;

/// Columns, without SGR sequences.
fn width(line: &str) -> usize {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().chars().count();
    let rest = parts.filter_map(|part| part.split_once('m'));
    first + rest.map(|(_, text)| text.chars().count()).sum::<usize>()
}

#[test]
fn without_room_a_cell_stands_for_several_and_shows_the_last_of_them() {
    let board = board(9_999, &boot(100, "n1"));
    let look = Look {
        columns: 80,
        rows: 24,
        colour: false,
    };
    let lines = frame(&board, look, at(1_000));
    let note = lines
        .iter()
        .find(|line| line.starts_with("each cell is"))
        .unwrap();
    let each: usize = note.split(' ').nth(3).unwrap().parse().unwrap();
    let cells: usize = lines
        .iter()
        .filter(|line| line.chars().all(|c| "·#n".contains(c)))
        .map(|line| line.chars().count())
        .sum();
    assert_eq!(cells, 10_000usize.div_ceil(each), "{lines:#?}");
}

#[test]
fn colour_changes_only_where_the_cell_does() {
    let mut seen = boot(100, "n1");
    seen.extend(boot(100, "n2"));
    let look = Look {
        colour: true,
        ..PLAIN
    };
    let lines = frame(&board(40, &seen), look, at(1_000));
    assert_eq!(lines[1].matches('\x1b').count(), 4, "{:?}", lines[1]);
    assert!(lines[1].contains("█ █ "), "{:?}", lines[1]);
}

#[test]
fn what_a_story_is_called_stays_on_its_line() {
    let mut board = board(2, &[]);
    board.title = "a".repeat(200);
    let lines = frame(&board, PLAIN, at(0));
    assert_eq!(lines[0].chars().count(), 60);
}
