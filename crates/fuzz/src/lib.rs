//! Doors that strangers knock at: no panic, bounded output, one meaning for one input.
//!
//! A target is an ordinary test by the `bolero` crate: it looks at its stored inputs, at those that once failed, and at noise for a second.
//! `cargo xtask fuzz` runs the same targets under libFuzzer, which follows the branches that an input takes.
//!
//! To add one: a module with one test that calls [`target!`], and at least one input in `__fuzz__/<module>/corpus`.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "what a target stands on must hold")]

use std::{fs, path::Path};

/// Looks at the inputs of the module, and at noise. The check says whether an input came through the door: were all of them turned away at
/// once, nothing behind it would be looked at. A macro, because inputs are found beside the file that calls it.
macro_rules! target {
    ($check:expr) => {{
        let name = module_path!().rsplit("::").next().unwrap();
        // Databases and runtimes outlive an input that made something panic.
        let check = std::panic::AssertUnwindSafe($check);
        assert!($crate::corpus(name).any(|input| (check.0)(&input)), "no stored input of {name} comes through");
        bolero::check!(name = name).for_each(move |input: &[u8]| {
            let check = &check;
            (check.0)(input);
        });
    }};
}

mod cidr;
mod filter;
mod generic;
mod import;
mod parts;
mod phone;
mod quiet_hours;
mod schedule;
mod sealed;
mod signed_headers;
mod signed_text;
mod stage;
mod template;
mod twilio;
mod webhook;
mod whatsapp_cloud;

fn corpus(name: &str) -> impl Iterator<Item = Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/__fuzz__").join(name).join("corpus");
    let inputs = corpus.read_dir().unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    inputs.map(|input| fs::read(input.unwrap().path()).unwrap())
}
