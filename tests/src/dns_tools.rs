//! `nsupdate` and `dig`, and what they said.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::network::{Endpoint, Lab, SERVER, Said};

/// Sends what `script` says to our server; `show`, `server` and `send` are added.
pub fn nsupdate(endpoint: &Endpoint, options: &[&str], script: &str) -> Update {
    let script = format!("server {SERVER}\n{script}\nsend\n");
    let patience = ["-t", "5"];
    let said = endpoint.run_with_input("nsupdate", patience.iter().chain(options), &script);
    Update { script, said }
}

/// What came of an UPDATE.
#[derive(Clone, Debug)]
pub struct Update {
    script: String,
    said: Said,
}

impl Update {
    /// What the server answered, as nsupdate names it: `NOERROR`, `NXRRSET`, `NOTAUTH(BADKEY)`.
    pub fn rcode(&self) -> String {
        let failed = |line: &str| Some(line.strip_prefix("update failed: ")?.to_owned());
        match (self.said.code, self.said.stderr.lines().find_map(failed)) {
            (_, Some(rcode)) => rcode,
            (Some(0), None) if self.said.stderr.is_empty() => "NOERROR".to_owned(),
            _ => panic!("nsupdate did not do it: {self:?}"),
        }
    }

    /// Complaints about the answer and its signature, if any.
    pub fn complaints(&self) -> &str {
        &self.said.stderr
    }

    /// # Panics
    /// When the server answered something else.
    #[track_caller]
    pub fn expect(&self, rcode: &str) {
        assert_eq!(self.rcode(), rcode, "{}\n{}", self.script, self.said.stderr);
    }
}

/// Asks our server, with the `dig` arguments of `question`, by words.
pub fn dig(endpoint: &Endpoint, question: &str) -> Answer {
    let server = format!("@{SERVER}");
    let fixed = [
        server.as_str(),
        "+nocmd",
        "+tries=2",
        "+time=3",
        "+nocookie",
    ];
    let said = endpoint.run("dig", fixed.into_iter().chain(question.split_whitespace()));
    Answer {
        text: format!("{}{}", said.stdout, said.stderr),
    }
}

/// What `dig` printed.
#[derive(Clone, Debug)]
pub struct Answer {
    pub text: String,
}

impl Answer {
    /// The RCODE of the answer's header and EDNS record together.
    #[track_caller]
    pub fn status(&self) -> &str {
        let after = |mark: &str| self.text.split_once(mark).map(|(_, rest)| rest);
        let rest = after("status: ").unwrap_or_else(|| panic!("no answer: {}", self.text));
        rest.split(',').next().unwrap_or_default()
    }

    /// The header's flags.
    pub fn flags(&self) -> Vec<&str> {
        let line = self.text.split_once(";; flags: ").map(|(_, rest)| rest);
        let flags = line.and_then(|rest| rest.split(';').next());
        flags.unwrap_or_default().split_whitespace().collect()
    }

    /// The records of a section, each with single spaces: `name ttl IN TYPE data`.
    pub fn section(&self, name: &str) -> Vec<String> {
        let title = format!(";; {name} SECTION:");
        let lines = self.text.lines().skip_while(|line| *line != title).skip(1);
        lines
            .take_while(|line| !line.is_empty() && !line.starts_with(";; "))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// The data of the answer's records of this type, sorted.
    pub fn data(&self, kind: &str) -> Vec<String> {
        let middle = format!(" IN {kind} ");
        let data = |line: &String| Some(line.split_once(&middle)?.1.to_owned());
        let mut data: Vec<_> = self.section("ANSWER").iter().filter_map(data).collect();
        data.sort();
        data
    }

    /// True when the answer is signed and `dig` has nothing against the signature.
    pub fn is_verified(&self) -> bool {
        let doubts = ["Couldn't verify signature", "could not be validated"];
        self.text.contains("TSIG PSEUDOSECTION")
            && !doubts.iter().any(|doubt| self.text.contains(doubt))
    }
}

/// The SOA serial of a zone.
pub fn serial(endpoint: &Endpoint, zone: &str) -> u32 {
    let answer = dig(endpoint, &format!("{zone} SOA"));
    let data = answer.data("SOA");
    let serial = data.first().and_then(|soa| soa.split(' ').nth(2));
    let serial = serial.unwrap_or_else(|| panic!("no SOA: {}", answer.text));
    serial.parse().expect("a serial is a number")
}

/// Writes a key file as BIND's tsig-keygen does.
pub fn key_file(lab: &Lab, name: &str, algorithm: &str, secret: &str) -> PathBuf {
    let path = lab.dir().join(format!("{name}.key"));
    let text =
        format!("key \"{name}\" {{\n\talgorithm {algorithm};\n\tsecret \"{secret}\";\n}};\n");
    fs::write(&path, text).expect("the test's directory is writable");
    // A key that everybody can read is refused.
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, mode).expect("the file is ours");
    path
}
