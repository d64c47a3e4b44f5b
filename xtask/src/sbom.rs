//! `cargo xtask sbom`: the bill of materials of a release, as CycloneDX in JSON.
//!
//! What is in it comes from `Cargo.lock`: every crate for every platform, with the checksum that cargo insists on. What cargo
//! knows beside that is the licences. Nothing of the day or the machine is in it, so the same lock file is the same bill.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::project::Project;

const FOLDER: &str = "sbom";
const FILE: &str = "postroad.cdx.json";
const BINARY: &str = "postroad-cli";

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// None: ours.
    source: Option<String>,
    checksum: Option<String>,
    /// `name`, `name version` where there are several, `name version (source)`.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Locked {
    /// A package URL: unique in a lock file, and understood by whoever compares bills with advisories.
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// By name and version.
type Licences = BTreeMap<(String, String), String>;

pub fn run(project: &Project) -> Result<()> {
    let lock = fs::read_to_string(project.path("Cargo.lock"))?;
    let bill = bill(&lock, &licences(&project.resolved()?))?;
    let folder = project.target_dir()?.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let file = folder.join(FILE);
    fs::write(&file, serde_json::to_string_pretty(&bill)? + "\n")?;
    eprintln!("{} names {} crates", file.display(), bill["components"].as_array().map_or(0, Vec::len));
    Ok(())
}

fn licences(metadata: &Metadata) -> Licences {
    let known = metadata.packages.iter().filter_map(|package| {
        let licence = package.license.as_ref()?.replace('/', " OR ");
        Some(((package.name.to_string(), package.version.to_string()), licence))
    });
    known.collect()
}

fn bill(lock: &str, licences: &Licences) -> Result<Value> {
    let lock: Lock = toml::from_str(lock).context("Cargo.lock is not readable")?;
    let ours = lock.package.iter().find(|package| package.name == BINARY).context("the binary has no package")?;
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": described(&ours.version),
        "components": lock.package.iter().map(|package| component(package, licences)).collect::<Vec<_>>(),
        "dependencies": lock.package.iter().map(|package| needs(package, &lock)).collect::<Vec<_>>(),
    }))
}

/// What the bill is of, and who wrote it.
fn described(version: &str) -> Value {
    json!({
        "component": {
            "type": "application",
            "bom-ref": "postroad",
            "name": "postroad",
            "version": version,
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        },
        "tools": { "components": [{ "type": "application", "name": "cargo xtask sbom", "version": version }] },
    })
}

fn component(package: &Locked, licences: &Licences) -> Value {
    let Locked { name, version, source, checksum, .. } = package;
    let (purl, licence) = (package.purl(), licences.get(&(name.clone(), version.clone())));
    let mut told = json!({ "type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version });
    let mut say = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[field] = value;
        }
    };
    say("hashes", checksum.as_ref().map(|checksum| json!([{ "alg": "SHA-256", "content": checksum }])));
    say("licenses", licence.map(|licence| json!([{ "expression": licence }])));
    say("externalReferences", source.as_ref().map(|source| json!([{ "type": "distribution", "url": source }])));
    told
}

/// What a package is made of, by package URL.
fn needs(package: &Locked, lock: &Lock) -> Value {
    let needed = package.dependencies.iter().filter_map(|dependency| {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next()?, words.next());
        let is_it = |other: &&Locked| other.name == name && version.is_none_or(|version| other.version == version);
        lock.package.iter().find(is_it).map(Locked::purl)
    });
    json!({ "ref": package.purl(), "dependsOn": needed.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_bill_names_every_locked_crate_once() {
        let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        let bill = bill(&lock, &Licences::new()).unwrap();
        let bill: Value = serde_json::from_str(&serde_json::to_string(&bill).unwrap()).unwrap();
        let components = bill["components"].as_array().unwrap();
        let named: BTreeSet<&str> = components.iter().map(|one| one["purl"].as_str().unwrap()).collect();
        let locked = lock.lines().filter(|line| *line == "[[package]]").count();
        assert!(locked > 300, "{locked}");
        assert_eq!((components.len(), named.len()), (locked, locked));
        let foreign = components.iter().filter(|one| one["externalReferences"].is_array());
        assert!(foreign.clone().count() > 300);
        assert!(foreign.clone().all(|one| one["hashes"][0]["content"].as_str().is_some_and(|hash| hash.len() == 64)));
        let edges = bill["dependencies"].as_array().unwrap();
        for edge in edges {
            let needed = edge["dependsOn"].as_array().unwrap();
            assert!(needed.iter().all(|one| named.contains(one.as_str().unwrap())), "{edge}");
        }
        let count = |lines: &str| lines.lines().filter(|line| line.starts_with(" \"")).count();
        let all: usize = edges.iter().map(|edge| edge["dependsOn"].as_array().unwrap().len()).sum();
        assert_eq!(all, count(&lock), "no dependency is left out");
    }

    #[test]
    fn a_crate_has_its_licence_checksum_and_the_one_of_its_versions_that_is_meant() {
        let lock = r#"
            [[package]]
            name = "postroad-cli"
            version = "0.1.0"
            dependencies = ["hyper 1.2.0"]
            [[package]]
            name = "hyper"
            version = "0.14.1"
            source = "registry+https://github.com/rust-lang/crates.io-index"
            checksum = "aa"
            [[package]]
            name = "hyper"
            version = "1.2.0"
            source = "registry+https://github.com/rust-lang/crates.io-index"
            checksum = "bb"
        "#;
        let known = Licences::from([(("hyper".to_owned(), "1.2.0".to_owned()), "MIT".to_owned())]);
        let bill = bill(lock, &known).unwrap();
        assert_eq!(bill["dependencies"][0]["dependsOn"], json!(["pkg:cargo/hyper@1.2.0"]));
        assert_eq!(bill["components"][2]["licenses"][0]["expression"], "MIT");
        assert_eq!(bill["components"][2]["hashes"][0]["content"], "bb");
        assert!(bill["components"][1]["licenses"].is_null());
    }
}
