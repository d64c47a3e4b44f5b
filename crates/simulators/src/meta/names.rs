//! Texts stored once, each known by a number: recipients come back, and 1,000,000 of them must stay small.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<u32>,
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The number of `name`, new or known.
    pub(crate) fn id(&mut self, name: &str) -> u32 {
        let hash = self.hasher.hash_one(name);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        let known = self.ids.find(hash, |&id| slice(text, ends, id) == name);
        if let Some(&id) = known {
            return id;
        }
        let id = u32::try_from(self.ends.len()).expect("fewer than 4 billion recipients");
        self.ids.insert_unique(hash, id, |&other| {
            // The new one is not in `text` yet, and the table asks for it only when it grows later.
            hasher.hash_one(slice(text, ends, other))
        });
        self.text.push_str(name);
        self.ends.push(u32::try_from(self.text.len()).expect("less than 4 GiB of recipients"));
        id
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.ids.find(hash, |&id| self.get(id) == name).copied()
    }

    pub(crate) fn get(&self, id: u32) -> &str {
        slice(&self.text, &self.ends, id)
    }
}

fn slice<'a>(text: &'a str, ends: &[u32], id: u32) -> &'a str {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] as usize };
    &text[start..ends[id] as usize]
}
