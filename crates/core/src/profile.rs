//! How somebody who signs in likes their pages. The pages follow it; the server keeps it.

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// Colours.
    Theme {
        /// As the system of whoever looks has it.
        System = "system",
        Light = "light",
        Dark = "dark",
    }
}

/// What was stored by another version is read: what is missing is the default, what is unknown is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub theme: Theme,
    pub notifications: Notifications,
    pub keyboard_shortcuts: bool,
}

/// How somebody wants to be told of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notifications {
    pub desktop: bool,
    pub sound: bool,
    pub email: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::System, notifications: Notifications::default(), keyboard_shortcuts: true }
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self { desktop: true, sound: true, email: false }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn preferences_of_other_versions_are_read() {
        let read = |stored| serde_json::from_value::<Preferences>(stored).unwrap();
        assert_eq!(read(json!({})), Preferences::default());
        let newer = json!({"theme": "dark", "notifications": {"sound": false, "light": true}, "font": "large"});
        let notifications = Notifications { sound: false, ..Notifications::default() };
        assert_eq!(read(newer), Preferences { theme: Theme::Dark, notifications, ..Preferences::default() });
    }
}
