//! Markdown as far as it is needed: fenced blocks, code in a line, links, headings.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::tree;

/// Folders with pages, besides the root itself.
const FOLDERS: &[&str] = &["docs", "dashboards", ".github"];
/// Written by a program.
const GENERATED: &str = "THIRD_PARTY.md";
const FENCE: &str = "```";

pub(crate) struct Page {
    /// From the root of the repository.
    name: String,
    path: PathBuf,
    text: String,
}

/// What stands between two fences.
pub(crate) struct Block {
    language: String,
    text: String,
}

impl Block {
    /// What a reader would type: all of a shell block; of one without a language the lines that begin like a command.
    pub(crate) fn commands(&self) -> String {
        match self.language.as_str() {
            "sh" => self.text.clone(),
            "" => self.text.lines().filter(|line| is_ours(line)).flat_map(|line| [line, "\n"]).collect(),
            _ => String::new(),
        }
    }

    pub(crate) fn is_shell(&self) -> bool {
        self.language == "sh"
    }
}

fn is_ours(line: &str) -> bool {
    line.starts_with("postroad ") || line.starts_with("cargo xtask ")
}

impl Page {
    /// Every page that a person wrote.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(tree::root())? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "md") && !path.ends_with(GENERATED) {
                paths.push(path);
            }
        }
        for folder in FOLDERS {
            paths.extend(tree::files(folder, &["md"])?);
        }
        paths.into_iter().map(Self::open).collect()
    }

    pub(crate) fn read(name: &str) -> Result<Self> {
        Self::open(tree::root().join(name))
    }

    fn open(path: PathBuf) -> Result<Self> {
        let name = path.strip_prefix(tree::root())?.to_string_lossy().into_owned();
        let text = tree::read(&path)?;
        Ok(Self { name, path, text })
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix(FENCE), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(language), None) => {
                    open = Some(Block { language: language.trim().to_owned(), text: String::new() });
                }
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// Lines outside of fences.
    fn prose(&self) -> Vec<&str> {
        let mut in_block = false;
        let mut prose = Vec::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with(FENCE) {
                in_block = !in_block;
            } else if !in_block {
                prose.push(line);
            }
        }
        prose
    }

    /// What stands between backticks.
    pub(crate) fn inline_code(&self) -> Vec<String> {
        let lines = self.prose().into_iter();
        lines.flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
    }

    /// Targets of links into the repository that lead nowhere.
    pub(crate) fn broken_links(&self, pages: &[Self]) -> Vec<String> {
        let broken = |target: &&str| !self.leads_somewhere(target, pages);
        let prose: String = self.prose().into_iter().map(|line| without_code(line) + "\n").collect();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.filter(broken).map(|target| format!("{}: {target}", self.name)).collect()
    }

    fn leads_somewhere(&self, target: &str, pages: &[Self]) -> bool {
        if target.contains("://") || target.starts_with("mailto:") {
            return true;
        }
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let path = if file.is_empty() { self.path.clone() } else { folder.join(file) };
        let Ok(found) = path.canonicalize() else { return false };
        heading.is_empty()
            || pages.iter().any(|page| {
                page.path.canonicalize().is_ok_and(|path| path == found)
                    && page.headings().iter().any(|it| it == heading)
            })
    }

    /// As links name them.
    fn headings(&self) -> Vec<String> {
        let titles = self.prose().into_iter().filter_map(|line| {
            let title = line.trim_start_matches('#');
            (title.len() < line.len()).then(|| title.trim().to_lowercase())
        });
        titles
            .map(|title| {
                let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                kept.map(|c| if c == ' ' { '-' } else { c }).collect()
            })
            .collect()
    }
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}
