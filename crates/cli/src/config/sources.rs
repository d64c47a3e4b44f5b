//! Where values come from: flags, the environment, `postroad.toml`. The only place that reads the environment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    ConfigError, SPECS,
    reader::{Found, Origin},
};

/// Read when it lies in the current folder and no other is named.
const FILE: &str = "postroad.toml";
/// Names another file.
const FILE_VARIABLE: &str = "POSTROAD_CONFIG";

/// A value from the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// `--listen`
    pub spelling: &'static str,
    /// The setting it stands for.
    pub name: &'static str,
    pub value: String,
}

/// All places, in the order in which they are asked.
#[derive(Debug, Default)]
pub struct Sources {
    flags: Vec<Flag>,
    file: Option<(PathBuf, BTreeMap<String, String>)>,
}

impl Sources {
    /// Opens the file that is named, or `postroad.toml` if there is one.
    pub fn open(flags: Vec<Flag>, named: Option<&Path>) -> Result<Self, ConfigError> {
        let named = named.map(Path::to_owned).or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
        let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { flags, file: Some((path.clone(), parse_file(&path, &text)?)) }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                Ok(Self { flags, file: None })
            }
            Err(error) => Err(ConfigError(vec![format!("{}: {error}", path.display())])),
        }
    }

    /// The value of a setting, by its name in the environment.
    pub fn find(&self, name: &str) -> Option<Found> {
        self.flag(name).or_else(|| environment(name)).or_else(|| self.in_file(name))
    }

    /// The file that was read.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    fn flag(&self, name: &str) -> Option<Found> {
        let flag = self.flags.iter().find(|flag| flag.name == name)?;
        Some(Found { value: flag.value.clone(), origin: Origin::Flag(flag.spelling.to_owned()) })
    }

    fn in_file(&self, name: &str) -> Option<Found> {
        let (path, values) = self.file.as_ref()?;
        let value = values.get(name)?;
        Some(Found { value: value.clone(), origin: Origin::File(path.display().to_string()) })
    }
}

fn environment(name: &str) -> Option<Found> {
    variable(name).map(|value| Found { value, origin: Origin::Environment })
}

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Variables that begin with `POSTROAD_` and that nobody reads: mostly misspelt ones.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn unread_variables() -> Vec<String> {
    let ours = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let ours = ours.filter(|name| name.starts_with("POSTROAD_") && name != FILE_VARIABLE);
    let mut unread: Vec<String> = ours.filter(|name| SPECS.iter().all(|spec| spec.name != name)).collect();
    unread.sort();
    unread
}

/// Values by the names of the environment. Every key must be known.
fn parse_file(path: &Path, text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let at = path.display();
    let table: toml::Table = text.parse().map_err(|error| ConfigError(vec![format!("{at}: {error}")]))?;
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, value) in table {
        match (SPECS.iter().find(|spec| spec.key() == key), plain(value)) {
            (Some(spec), Some(value)) => drop(values.insert(spec.name.to_owned(), value)),
            (Some(spec), None) => problems.push(format!("{at}: {key} is no plain value; expected {}", spec.expects)),
            (None, _) => problems.push(format!("{at}: {key} is not a setting")),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(ConfigError(problems)) }
}

fn plain(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(choice) => Some(choice.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<BTreeMap<String, String>, String> {
        parse_file(Path::new("postroad.toml"), text).map_err(|error| error.0.join("\n"))
    }

    #[test]
    fn keys_are_the_names_of_the_environment_without_the_prefix_in_lower_case() {
        let values = parsed("listen = \"0.0.0.0:80\"\nworkers = 32\nquiet_hours_default = \"22:00-07:00\"\n").unwrap();
        let expected =
            [("POSTROAD_LISTEN", "0.0.0.0:80"), ("POSTROAD_WORKERS", "32"), ("QUIET_HOURS_DEFAULT", "22:00-07:00")];
        assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn all_that_is_wrong_with_a_file_is_told_at_once() {
        let told = parsed("worker = 1\nlisten = [1]\n").unwrap_err();
        assert_eq!(
            told,
            "postroad.toml: listen is no plain value; expected an address like 127.0.0.1:7800\n\
             postroad.toml: worker is not a setting"
        );
    }

    #[test]
    fn a_file_that_is_not_toml_is_told_with_its_line() {
        let told = parsed("listen 1").unwrap_err();
        assert!(told.starts_with("postroad.toml: TOML parse error at line 1"), "{told}");
    }
}
