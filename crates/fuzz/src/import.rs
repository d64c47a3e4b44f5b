//! Files of people, in any encoding and shape.

use postroad_app::import::{self, ImportOptions};

use crate::parts::now;

#[test]
fn a_preview_of_any_file_is_twenty_numbered_lines_or_a_reason() {
    target!(|input: &[u8]| {
        let preview = match import::preview(input, &ImportOptions::default(), now()) {
            Ok(preview) => preview,
            Err(reason) => {
                assert!(!reason.to_string().is_empty());
                return false;
            }
        };
        assert!(preview.lines.len() <= 20);
        assert!(preview.lines.is_sorted_by(|one, next| one.line < next.line), "every line has its own number");
        !preview.lines.is_empty()
    });
}
