//! The documents of scenarios: one for each name and text.

/// The document of this name that says this. Some texts say how it is written: `crlf`, `bom`, `no newline`, `unicode`, `large`,
/// and `invalid` for one that is refused.
pub fn document(name: &str, text: &str, labels: &str) -> Vec<u8> {
    let labels = if labels.is_empty() { String::new() } else { format!("labels:\n  {labels}\n") };
    let whole = |body: &str| {
        format!("---\nname: {name}\ndescription: Use in the suite.\n{labels}---\n# {name}\n\n{body}\n")
            .into_bytes()
    };
    let plain = || String::from_utf8_lossy(&whole("Said: this.")).into_owned();
    match text {
        "crlf" => plain().replace('\n', "\r\n").into_bytes(),
        "bom" => format!("\u{feff}{}", plain()).into_bytes(),
        "no newline" => plain().trim_end().as_bytes().to_vec(),
        "unicode" => whole("Grüße, 世界, мир, שלום, 👩🏽‍🚀 e\u{301} \u{2028} \u{0}".trim_end_matches('\0')),
        "large" => {
            let mut document = whole("");
            document.resize(256 * 1024, b'x');
            document
        }
        "invalid" => format!("---\nname: {name}\n---\n# {name}\n").into_bytes(),
        text => whole(text),
    }
}
