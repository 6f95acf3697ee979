//! As what a file is sent: what a browser may show, and what it only saves.

use std::fmt::Write as _;

/// How a file is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Media {
    /// Its content type.
    pub(super) kind: String,
    /// Whether a browser may show it.
    shown: bool,
}

impl Media {
    /// Decides by the name. What could run something is saved and not shown, and so is what is not known.
    pub(super) fn of(path: &str) -> Self {
        let guess = mime_guess::from_path(path).first();
        let essence = guess.as_ref().map_or("", |guess| guess.essence_str());
        let kind = match essence.split_once('/') {
            // A picture that can have scripts in it.
            Some(("image", "svg+xml")) | None => return Self::saved(),
            Some(("image" | "audio" | "video", _)) => essence.to_owned(),
            Some(("application", "json")) => essence.to_owned(),
            Some(("text", "csv")) => "text/csv; charset=utf-8".to_owned(),
            Some(("text", "plain" | "markdown" | "x-log")) => "text/plain; charset=utf-8".to_owned(),
            _ => return Self::saved(),
        };
        Self { kind, shown: true }
    }

    fn saved() -> Self {
        Self { kind: "application/octet-stream".to_owned(), shown: false }
    }

    /// Returns the header that says whether it is shown, and under which name it is saved (RFC 6266).
    pub(super) fn disposition(&self, path: &str) -> String {
        let name = path.rsplit('/').next().unwrap_or_default();
        let how = if self.shown { "inline" } else { "attachment" };
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' };
        let mut disposition = format!("{how}; filename=\"{}\"", name.chars().map(plain).collect::<String>());
        if name.chars().any(|c| plain(c) != c) {
            disposition.push_str("; filename*=UTF-8''");
            for byte in name.bytes() {
                if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
                    disposition.push(char::from(byte));
                } else {
                    // Writing to a string does not fail.
                    write!(disposition, "%{byte:02X}").ok();
                }
            }
        }
        disposition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_nothing_is_shown() {
        for (path, kind) in [
            ("media/images/x.PNG", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.mp4", "video/mp4"),
            ("a.json", "application/json"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("README.md", "text/plain; charset=utf-8"),
            ("output.log", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(Media::of(path), Media { kind: kind.to_owned(), shown: true }, "{path}");
        }
        for path in [
            "a.html",
            "a.htm",
            "a.xhtml",
            "a.svg",
            "a.svgz",
            "a.xml",
            "a.pdf",
            "a.js",
            "a.css",
            "a.swf",
            "a.mht",
            "a",
            "png",
            "a.png.html",
        ] {
            assert_eq!(Media::of(path), Media::saved(), "{path}");
        }
    }

    #[test]
    fn names_stay_within_their_header() {
        let plain = Media::saved();
        assert_eq!(plain.disposition("a/b c.bin"), "attachment; filename=\"b c.bin\"");
        assert_eq!(
            plain.disposition("a/\"ü\r\n;\u{202e}.html"),
            "attachment; filename=\"______.html\"; filename*=UTF-8''%22%C3%BC%0D%0A%3B%E2%80%AE.html"
        );
    }
}
