//! Reads settings one by one, and keeps what it saw: for `config show`, and for one list of all mistakes.

use super::ConfigError;

/// Where a value came from. The first that has one wins.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "origin", content = "at", rename_all = "snake_case")]
pub enum Origin {
    /// Its spelling on the command line.
    Flag(String),
    Environment,
    /// The path of the file.
    File(String),
    Default,
    /// Nobody gave one, and nothing is needed.
    Unset,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => f.write_str(path),
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

/// A value somebody gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub value: String,
    pub origin: Origin,
}

/// What is known of a setting before anybody gives a value.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// As the environment names it.
    pub name: &'static str,
    /// What a value looks like, with its range: completes "expected …".
    pub expects: &'static str,
    pub default: Option<&'static str>,
    /// Its value is never shown, and never taken from the command line.
    pub secret: bool,
}

impl Spec {
    pub const fn plain(name: &'static str, expects: &'static str) -> Self {
        Self { name, expects, default: None, secret: false }
    }

    pub const fn secret(name: &'static str, expects: &'static str) -> Self {
        Self { name, expects, default: None, secret: true }
    }

    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Its key in `postroad.toml`: `POSTROAD_LISTEN` is `listen`.
    pub fn key(&self) -> String {
        self.name.strip_prefix("POSTROAD_").unwrap_or(self.name).to_lowercase()
    }
}

/// A setting as it was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    pub name: &'static str,
    /// None: not set. A secret is shown as [`MASK`].
    pub value: Option<String>,
    #[serde(flatten)]
    pub origin: Origin,
}

/// Stands for a secret that is set.
pub const MASK: &str = "********";

pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<Found>,
    shown: Vec<Shown>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<Found>) -> Self {
        Self { lookup, shown: Vec::new(), problems: Vec::new() }
    }

    /// The value, read by `parse`. None: nobody gave one and there is no default, or it is a mistake.
    pub fn read<T, E: Into<Mistake>>(&mut self, spec: &Spec, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let found = (self.lookup)(spec.name);
        self.show(spec, found.as_ref());
        let Some(found) = found else {
            return spec.default.and_then(|default| parse(default).ok());
        };
        match parse(&found.value) {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.problems.push(problem(spec, &found, mistake.into()));
                spec.default.and_then(|default| parse(default).ok())
            }
        }
    }

    /// The value of a setting that has a default. After a mistake it is the default, so that reading goes on.
    pub fn get<T, E: Into<Mistake>>(&mut self, spec: &Spec, parse: impl Fn(&str) -> Result<T, E>) -> T {
        self.read(spec, parse).expect("the default of a setting is a value of it")
    }

    /// Whether somebody gave a value.
    pub fn is_given(&self, spec: &Spec) -> bool {
        (self.lookup)(spec.name).is_some()
    }

    /// A mistake that lies between settings.
    pub fn object(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// What was read, or all that is wrong.
    pub fn finish(self) -> Result<Vec<Shown>, ConfigError> {
        if self.problems.is_empty() { Ok(self.shown) } else { Err(ConfigError(self.problems)) }
    }

    fn show(&mut self, spec: &Spec, found: Option<&Found>) {
        let origin = match (found, spec.default) {
            (Some(found), _) => found.origin.clone(),
            (None, Some(_)) => Origin::Default,
            (None, None) => Origin::Unset,
        };
        let value = found.map(|found| found.value.as_str()).or(spec.default);
        let value = value.map(|value| if spec.secret { MASK } else { value }.to_owned());
        self.shown.push(Shown { name: spec.name, value, origin });
    }
}

/// Why a value is none.
#[derive(Debug)]
pub enum Mistake {
    /// It does not look as the setting expects.
    Unreadable,
    /// Something that only the parser can say.
    Because(String),
}

impl From<()> for Mistake {
    fn from((): ()) -> Self {
        Self::Unreadable
    }
}

impl From<String> for Mistake {
    fn from(why: String) -> Self {
        Self::Because(why)
    }
}

fn problem(spec: &Spec, found: &Found, mistake: Mistake) -> String {
    let at = match &found.origin {
        Origin::Environment => String::new(),
        origin => format!(" ({origin})"),
    };
    match mistake {
        Mistake::Because(why) => format!("{}{at}: {why}", spec.name),
        Mistake::Unreadable if spec.secret => format!("{}{at} is malformed; expected {}", spec.name, spec.expects),
        Mistake::Unreadable => format!("{}{at} is {:?}; expected {}", spec.name, found.value, spec.expects),
    }
}
