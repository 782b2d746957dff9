//! apt's source lists, in both of their formats (sources.list(5)).

/// One source of binary packages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Source {
    pub uris: Vec<String>,
    pub suites: Vec<String>,
    pub components: Vec<String>,
    /// The value of Signed-By: keyring paths, fingerprints, or a whole key.
    pub signed_by: Option<String>,
}

impl Source {
    /// The same mirror for another suite's `main`, as a deb822 stanza.
    pub fn for_suite(&self, suite: &str) -> String {
        let signed_by = self
            .signed_by
            .as_ref()
            .map_or(String::new(), |keys| format!("Signed-By: {keys}\n"));
        format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nTargets: Packages\n{signed_by}",
            self.uris.join(" ")
        )
    }
}

/// The first source of the system's own release: not its updates, not a third party's.
pub fn find_mirror<'a>(sources: &'a [Source], codename: &str) -> Option<&'a Source> {
    const ALIASES: [&str; 4] = ["stable", "oldstable", "testing", "unstable"];
    sources.iter().find(|source| {
        let own_suite = |suite: &String| suite == codename || ALIASES.contains(&suite.as_str());
        source.suites.iter().any(own_suite)
            && source
                .components
                .iter()
                .any(|component| component == "main")
            && source.uris.iter().all(|uri| !uri.starts_with("cdrom:"))
    })
}

/// `deb [signed-by=…] uri suite component…`
pub fn parse_one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line).collect()
}

fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    rest = rest.trim_start();
    let mut signed_by = None;
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        signed_by = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .map(|keys| keys.replace(',', " "));
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

/// Stanzas of `Field: value`, with continuation lines.
pub fn parse_deb822(text: &str) -> Vec<Source> {
    let text = text.replace('\r', "");
    text.split("\n\n").filter_map(stanza).collect()
}

fn stanza(text: &str) -> Option<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push('\n');
            value.push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    };
    let words = |name: &str| -> Vec<String> {
        let value = field(name).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    let disabled = field("enabled").is_some_and(|value| {
        ["no", "false", "0", "off", "without", "disable"]
            .contains(&value.to_ascii_lowercase().as_str())
    });
    if disabled || !words("types").iter().any(|word| word == "deb") {
        return None;
    }
    Some(Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
    })
}
