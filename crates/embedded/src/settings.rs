//! The part of `postgresql.conf` that is ours, written anew at each start.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const MIB: u64 = 1024 * 1024;

/// A queue changes its rows all the time: dead ones go early, often and fast. A crash must lose nothing. The log tells
/// no details of errors, because they quote rows, which hold addresses.
const FIXED: &[(&str, &str)] = &[
    ("cluster_name", "postroad"),
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("wal_compression", "on"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("autovacuum_naptime", "15s"),
    ("autovacuum_vacuum_scale_factor", "0.05"),
    ("autovacuum_analyze_scale_factor", "0.05"),
    ("autovacuum_vacuum_cost_limit", "2000"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("jit", "off"),
    ("random_page_cost", "1.1"),
    ("password_encryption", "scram-sha-256"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("logging_collector", "on"),
    ("log_directory", "../log"),
    // One file per day of the week, each overwritten after a week.
    ("log_filename", "postgres-%a.log"),
    ("log_rotation_age", "1d"),
    ("log_rotation_size", "0"),
    ("log_truncate_on_rotation", "on"),
    ("log_error_verbosity", "terse"),
    ("log_min_error_statement", "panic"),
];

/// `extra` comes last and so wins.
pub(crate) fn render(port: u16, socket_dir: &Path, memory_bytes: u64, extra: &[(String, String)]) -> String {
    let mut text = String::from("# Written by postroad at each start. Changes belong into postgresql.conf.\n");
    let mut set = |name: &str, value: &str| {
        writeln!(text, "{name} = {}", quoted(value)).expect("a string takes what is written to it");
    };
    for (name, value) in FIXED {
        set(name, value);
    }
    set("port", &port.to_string());
    set("unix_socket_directories", &listed(&socket_dir.to_string_lossy()));
    set("shared_buffers", &format!("{}MB", shared_buffers_bytes(memory_bytes) / MIB));
    for (name, value) in extra {
        set(name, value);
    }
    text
}

/// An eighth of the memory, within 128 and 512 MiB: the rest is for us and for the system's own cache.
fn shared_buffers_bytes(memory_bytes: u64) -> u64 {
    (memory_bytes / 8).clamp(128 * MIB, 512 * MIB)
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n"))
}

/// One element of a setting that is a list separated by commas.
fn listed(element: &str) -> String {
    format!("\"{}\"", element.replace('"', "\"\""))
}

/// What this machine or its container has. Zero where the system does not tell, so that the least is taken.
pub(crate) fn memory_bytes() -> u64 {
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    installed_bytes().min(limit.unwrap_or(u64::MAX))
}

#[cfg(target_os = "linux")]
fn installed_bytes() -> u64 {
    nix::sys::sysinfo::sysinfo().map_or(0, |info| info.ram_total())
}

#[cfg(not(target_os = "linux"))]
fn installed_bytes() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_buffers_follow_the_memory_within_bounds() {
        let cases = [(0, 128), (1024, 128), (2048, 256), (4096, 512), (65_536, 512)];
        for (memory_mib, buffers_mib) in cases {
            assert_eq!(shared_buffers_bytes(memory_mib * MIB) / MIB, buffers_mib, "{memory_mib} MiB");
        }
    }

    #[test]
    fn values_are_quoted_and_extra_settings_come_last() {
        let extra = [("application_name".to_owned(), r"it's a \ test".to_owned())];
        let text = render(5599, Path::new("/srv/a b,c/socket"), 0, &extra);
        assert!(text.contains("fsync = 'on'\n"), "{text}");
        assert!(text.contains("unix_socket_directories = '\"/srv/a b,c/socket\"'\n"), "{text}");
        assert!(text.ends_with("application_name = 'it''s a \\\\ test'\n"), "{text}");
    }
}
