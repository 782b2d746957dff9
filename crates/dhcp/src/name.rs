//! Host labels, and the templates that classes make them from.

use std::net::Ipv4Addr;

use quorate_core::MacAddr;

const LABEL_LEN_MAX: usize = 63;
/// `{mac}` is twelve hexadecimal digits.
const MAC_DIGITS: usize = 12;
/// `{ip}` at its longest: `255-255-255-255`.
const IP_LEN_MAX: usize = 15;
/// `{index}` at its longest: `u32::MAX`.
const INDEX_LEN_MAX: usize = 10;

/// The prefix of names that are made from addresses; no client can request one.
pub const ADDR_NAME_PREFIX: &str = "ip-";

/// The name of a host that has no other: `ip-10-77-0-12`.
pub fn addr_name(addr: Ipv4Addr) -> String {
    format!("{ADDR_NAME_PREFIX}{}", dashed(addr))
}

/// The address that [`addr_name`] makes this name from.
pub fn addr_of_name(name: &str) -> Option<Ipv4Addr> {
    let dashed = name.strip_prefix(ADDR_NAME_PREFIX)?;
    let addr: Ipv4Addr = dashed.replace('-', ".").parse().ok()?;
    // Not `ip-010-…`, should a parser accept that.
    (addr_name(addr) == name).then_some(addr)
}

/// `text` in lower case when it is one LDH label (RFC 1123 §2.1): letters, digits and inner
/// hyphens. What is not is never repaired, because the result would be the name of another host.
pub fn label(text: &str) -> Option<String> {
    let ldh = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = (1..=LABEL_LEN_MAX).contains(&text.len()) && text.bytes().all(ldh);
    let edges = !text.starts_with('-') && !text.ends_with('-');
    (fits && edges).then(|| text.to_ascii_lowercase())
}

/// Text with the placeholders `{mac}`, `{ip}` and `{index}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Mac,
    Ip,
    Index,
}

/// What a template is filled with.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    pub mac: MacAddr,
    pub addr: Ipv4Addr,
    pub index: u32,
}

impl Template {
    /// Reads a template of any text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (placeholder, after) = after.split_once('}')?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match placeholder {
                "mac" => Part::Mac,
                "ip" => Part::Ip,
                "index" => Part::Index,
                _ => return None,
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Some(Self { parts })
    }

    /// Reads a template that always yields one LDH label outside of `ip-…`, also with `-9`
    /// behind it.
    pub fn parse_label(text: &str) -> Option<Self> {
        let template = Self::parse(&text.to_ascii_lowercase())?;
        let longest = template.longest();
        let fits = longest.len() + 2 <= LABEL_LEN_MAX && label(&longest).is_some();
        (fits && !longest.starts_with(ADDR_NAME_PREFIX)).then_some(template)
    }

    /// The text with every placeholder filled in.
    pub fn fill(&self, values: Values) -> String {
        self.expand(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Mac => values.mac.0.iter().map(|b| format!("{b:02x}")).collect(),
            Part::Ip => dashed(values.addr),
            Part::Index => values.index.to_string(),
        })
    }

    /// True when filling the template could give `name`: such a name belongs to the class.
    pub fn could_yield(&self, name: &str) -> bool {
        could_yield(&self.parts, name.as_bytes())
    }

    /// The length of the longest text that filling can give.
    pub fn len_max(&self) -> usize {
        self.longest().len()
    }

    fn longest(&self) -> String {
        self.expand(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Mac => "f".repeat(MAC_DIGITS),
            Part::Ip => "9".repeat(IP_LEN_MAX),
            Part::Index => "9".repeat(INDEX_LEN_MAX),
        })
    }

    fn expand(&self, part: impl Fn(&Part) -> String) -> String {
        self.parts.iter().map(part).collect()
    }
}

fn could_yield(parts: &[Part], name: &[u8]) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return name.is_empty();
    };
    let (fits, lens): (fn(&u8) -> bool, _) = match part {
        Part::Text(text) => {
            let after = name.strip_prefix(text.as_bytes());
            return after.is_some_and(|after| could_yield(rest, after));
        }
        Part::Mac => (u8::is_ascii_hexdigit, MAC_DIGITS..=MAC_DIGITS),
        Part::Ip => (|b| b.is_ascii_digit() || *b == b'-', 7..=IP_LEN_MAX),
        Part::Index => (u8::is_ascii_digit, 1..=INDEX_LEN_MAX),
    };
    let run = name.iter().take_while(|b| fits(b)).count();
    lens.take_while(|len| *len <= run)
        .any(|len| could_yield(rest, &name[len..]))
}

fn dashed(addr: Ipv4Addr) -> String {
    let [a, b, c, d] = addr.octets();
    format!("{a}-{b}-{c}-{d}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_lowered_and_never_repaired() {
        assert_eq!(label("Web-01").as_deref(), Some("web-01"));
        let long = "a".repeat(64);
        for text in [
            "",
            "-a",
            "a-",
            "a.b",
            "a_b",
            "$(reboot)",
            "caf\u{e9}",
            &long,
        ] {
            assert_eq!(label(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_template_fills_its_placeholders() {
        let values = Values {
            mac: MacAddr([2, 0, 0x5e, 0x10, 0, 0xa]),
            addr: [10, 77, 0, 12].into(),
            index: 3,
        };
        let fill = |text| Template::parse(text).unwrap().fill(values);
        assert_eq!(fill("etcd-{index}"), "etcd-3");
        assert_eq!(fill("boot/{mac}.ipxe"), "boot/02005e10000a.ipxe");
        assert_eq!(fill("h{ip}"), "h10-77-0-12");
        for text in ["{serial}", "{mac", "{}"] {
            assert_eq!(Template::parse(text), None, "{text:?}");
        }
        for text in [
            "a.{mac}",
            "-{index}",
            "ip-{ip}",
            &"x".repeat(52),
            "{index}-",
        ] {
            let text = format!("{text}{{index}}");
            let refused = Template::parse_label(&text).is_none();
            assert_eq!(refused, !text.starts_with("{index}-"), "{text:?}");
        }
    }

    #[test]
    fn a_template_knows_the_names_it_could_yield() {
        let could = |text, name| Template::parse(text).unwrap().could_yield(name);
        assert!(could("etcd-{index}", "etcd-1"));
        assert!(!could("etcd-{index}", "etcd-1a"));
        assert!(!could("etcd-{index}", "etcd-"));
        assert!(could("{mac}", "02005e10000a"));
        assert!(could("x{ip}-{index}", "x10-77-0-12-1"));
        assert!(!could("web", "web2"));
    }
}
