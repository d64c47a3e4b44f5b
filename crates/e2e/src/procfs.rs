//! What the system says about processes: CPU time and memory, from /proc.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};

/// CPU time that a process, its threads and its children have used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    pub seconds: f64,
}

impl std::ops::Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { seconds: self.seconds - earlier.seconds }
    }
}

/// Of `pid` and all who descend from it, those that ended included.
pub fn cpu_of_tree(pid: u32) -> Result<Cpu> {
    let all = processes()?;
    let mut ticks = 0;
    let mut tree = vec![pid];
    while let Some(next) = tree.pop() {
        let Some(process) = all.get(&next) else { continue };
        // A child that was waited for is in the sums of its parent; of one that runs, its own.
        ticks += process.own + process.waited_for;
        tree.extend(all.iter().filter(|(_, other)| other.parent == next).map(|(id, _)| *id));
    }
    let per_second = sysconf(SysconfVar::CLK_TCK)?.context("the system has no clock tick")?;
    #[expect(clippy::cast_precision_loss, reason = "ticks of minutes are far below 2^52")]
    let seconds = ticks as f64 / per_second as f64;
    Ok(Cpu { seconds })
}

struct Stat {
    parent: u32,
    own: u64,
    waited_for: u64,
}

fn processes() -> Result<HashMap<u32, Stat>> {
    let mut all = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = fs::read_to_string(entry.path().join("stat")).ok().and_then(|text| parse(&text)) {
            all.insert(pid, stat);
        }
    }
    Ok(all)
}

/// `pid (name) state ppid …`: the name may hold anything, so reading starts behind its bracket. See proc(5): fields 14 to 17
/// are user and system time, own and of children that were waited for.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        own: number(14)? + number(15)?,
        waited_for: number(16)? + number(17)?,
    })
}

/// Memory of one process that lies in RAM now, in KiB.
pub fn resident_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The most it ever was.
pub fn resident_peak_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmHWM:")
}

fn status_kib(pid: u32, name: &str) -> Result<u64> {
    let path = Path::new("/proc").join(pid.to_string()).join("status");
    let text = fs::read_to_string(&path).with_context(|| format!("no process {pid}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).context("the status tells no memory")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = parse("7 (a b) c) S 3 7 7 0 -1 4194304 1 2 3 4 50 6 70 8 20 0 1").unwrap();
        assert_eq!((stat.parent, stat.own, stat.waited_for), (3, 56, 78));
    }

    #[test]
    fn our_own_process_has_memory_and_a_cpu_time() {
        let me = std::process::id();
        assert!(resident_peak_kib(me).unwrap() >= resident_kib(me).unwrap() / 2);
        assert!(cpu_of_tree(me).unwrap().seconds >= 0.0);
    }
}
