//! Fields of spans as JSON, written down once as they come: every call has a span, and few of them are ever logged.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

/// Writes fields as one JSON object, which is what the JSON log takes a span's fields for.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonFields;

/// Bytes that the fields of a call mostly take.
const USUAL_BYTES: usize = 256;

impl<'w> FormatFields<'w> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        // A writer grows by little and little.
        let mut object = Object { text: String::with_capacity(USUAL_BYTES), is_empty: true };
        object.text.push('{');
        fields.record(&mut object);
        object.text.push('}');
        writer.write_str(&object.text)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let begun = current.fields.strip_suffix('}').map(str::len);
        let Some(begun) = begun else { return self.format_fields(current.as_writer(), fields) };
        let mut object = Object { text: std::mem::take(&mut current.fields), is_empty: begun == 1 };
        object.text.truncate(begun);
        fields.record(&mut object);
        object.text.push('}');
        current.fields = object.text;
        Ok(())
    }
}

/// An object that has begun.
struct Object {
    text: String,
    is_empty: bool,
}

impl Object {
    fn put_name(&mut self, field: &Field) {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(',');
        }
        // A name that is a word of the language as well is written so.
        let name = field.name();
        self.put_text(name.strip_prefix("r#").unwrap_or(name));
        self.text.push(':');
    }

    /// A text in quotes.
    fn put_text(&mut self, text: &str) {
        let is_plain = |byte: u8| (byte >= 0x20) & (byte != b'"') & (byte != b'\\');
        // To the end in any case: many bytes at once.
        if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            self.text.push('"');
            self.text.push_str(text);
            self.text.push('"');
        } else {
            self.text.push_str(&serde_json::Value::from(text).to_string());
        }
    }

    fn put(&mut self, field: &Field, value: impl fmt::Display) {
        self.put_name(field);
        // Into memory: nothing of it fails.
        write!(self.text, "{value}").ok();
    }
}

impl Visit for Object {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, serde_json::Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_name(field);
        self.put_text(value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_name(field);
        self.put_text(&format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The span of the one line that is logged meanwhile.
    fn span_of_the_line(log: impl FnOnce()) -> Value {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        let lines = lines.fmt_fields(JsonFields);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let line: Value = serde_json::from_slice(&written.0.lock().unwrap()).unwrap();
        line["span"].clone()
    }

    #[test]
    fn fields_of_every_kind_are_in_the_line_of_a_span() {
        let odd = "a \"quoted\\ text\n\u{1}ä";
        let span = span_of_the_line(|| {
            let none: Option<&str> = None;
            let list = ["a", "\""];
            let span = tracing::info_span!(
                "rpc",
                text = odd,
                number = -3,
                count = 7u64,
                share = 0.5,
                yes = true,
                ?list,
                none,
                r#type = "t"
            );
            span.in_scope(|| tracing::info!("hello"));
        });
        let expected = json!({
            "name": "rpc", "text": odd, "number": -3, "count": 7, "share": 0.5, "yes": true,
            "list": "[\"a\", \"\\\"\"]", "type": "t",
        });
        assert_eq!(span, expected);
    }

    #[test]
    fn fields_that_come_later_join_those_that_are_there() {
        use tracing::field::Empty;
        for first in [None, Some("1")] {
            let span = span_of_the_line(|| {
                let span = tracing::info_span!("rpc", first, second = Empty, third = Empty);
                span.record("second", "2");
                span.record("third", 3);
                span.in_scope(|| tracing::info!("hello"));
            });
            let mut expected = json!({ "name": "rpc", "second": "2", "third": 3 });
            if let Some(first) = first {
                expected["first"] = first.into();
            }
            assert_eq!(span, expected);
        }
    }

    #[test]
    fn a_span_without_fields_is_there_as_well() {
        let span = span_of_the_line(|| tracing::info_span!("rpc").in_scope(|| tracing::info!("hello")));
        assert_eq!(span, json!({ "name": "rpc" }));
    }
}
