//! Messages in a stream of bytes: `Content-Length: N`, an empty line, N bytes. Whatever comes, reading goes on at the
//! next thing that looks like a message, and never holds more than one message of bounded size.

use std::io::{self, BufRead, Read as _, Write};

use super::Event;

/// The largest message that is read: a document of a megabyte, each of its characters escaped, and much more.
pub(super) const MESSAGE_BYTES: u64 = 32 * 1024 * 1024;

/// So much is looked at of a header's line.
const HEADER_BYTES: usize = 4 * 1024;

/// The next message, or what there is instead of one; none at the end of the stream.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Event>> {
    let mut length = None;
    let mut is_begun = false;
    loop {
        let Some(line) = line(input)? else { return Ok(None) };
        match (line.is_empty(), length) {
            (true, Some(length)) => return body(input, length),
            (true, None) if is_begun => return Ok(Some(Event::NoLength)),
            (true, None) => {}
            (false, _) => {
                is_begun = true;
                length = content_length(&line).or(length);
            }
        }
    }
}

fn body(input: &mut impl BufRead, length: u64) -> io::Result<Option<Event>> {
    let mut rest = input.take(length);
    if length > MESSAGE_BYTES {
        io::copy(&mut rest, &mut io::sink())?;
        return Ok(Some(Event::TooLarge(length)));
    }
    // Grows with what arrives: a length that was only said reserves nothing.
    let mut body = Vec::new();
    rest.read_to_end(&mut body)?;
    Ok((rest.limit() == 0).then_some(Event::Message(body)))
}

/// A line without its ending, as far as it is looked at; none at the end of the stream.
fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let some = input.fill_buf()?;
        if some.is_empty() {
            return Ok(None);
        }
        let end = some.iter().position(|byte| *byte == b'\n');
        let part = some.get(..end.unwrap_or(some.len())).unwrap_or_default();
        let room = HEADER_BYTES.saturating_sub(line.len());
        line.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            let ending = usize::from(line.ends_with(b"\r"));
            line.truncate(line.len() - ending);
            return Ok(Some(line));
        }
    }
}

/// The length that a line tells, also behind the rest of something that was no message.
fn content_length(line: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let at = line.windows(NAME.len()).rposition(|part| part.eq_ignore_ascii_case(NAME))?;
    std::str::from_utf8(line.get(at + NAME.len()..)?).ok()?.trim().parse().ok()
}

/// Writes a message.
pub(super) fn write(output: &mut impl Write, body: &[u8]) -> io::Result<()> {
    let mut message = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    message.extend_from_slice(body);
    output.write_all(&message)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(event) = read(&mut input).unwrap() {
            told.push(match event {
                Event::Message(body) => String::from_utf8(body).unwrap(),
                Event::NoLength => "no length".to_owned(),
                Event::TooLarge(length) => format!("{length} is too large"),
                other => panic!("{other:?}"),
            });
        }
        told
    }

    #[test]
    fn messages_follow_each_other() {
        let two = b"Content-Length: 2\r\n\r\n{}content-length:3\nContent-Type: x\n\n[1]";
        assert_eq!(all(two), ["{}", "[1]"]);
        assert_eq!(all(b"\r\n\r\nContent-Length: 0\r\n\r\n"), [""]);
    }

    #[test]
    fn reading_goes_on_behind_what_is_no_message() {
        assert_eq!(all(b"hello\r\n\r\nContent-Length: 2\r\n\r\n{}"), ["no length", "{}"]);
        assert_eq!(
            all(b"Content-Length: -1\r\n\r\n{\"a\":1}Content-Length: 2\r\n\r\n{}"),
            ["no length", "{}"]
        );
        assert_eq!(all(b"Content-Length: 99999999999999999999\r\n\r\n\xff\xfe\n"), ["no length"]);
        let mut long = vec![b'x'; 3 * HEADER_BYTES];
        long.extend_from_slice(b"\nContent-Length: 2\n\n{}");
        assert_eq!(all(&long), ["{}"]);
    }

    #[test]
    fn a_message_that_is_cut_short_is_the_end() {
        assert_eq!(all(b"Content-Length: 5\r\n\r\n{}"), [""; 0]);
        assert_eq!(all(b"Content-Length: 5\r\n"), [""; 0]);
    }

    #[test]
    fn what_is_too_large_is_passed_over() {
        let length = MESSAGE_BYTES + 1;
        let mut input = format!("Content-Length: {length}\r\n\r\n").into_bytes();
        input.resize(input.len() + usize::try_from(length).unwrap(), b' ');
        input.extend_from_slice(b"Content-Length: 2\r\n\r\n{}");
        assert_eq!(all(&input), [format!("{length} is too large"), "{}".to_owned()]);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut written = Vec::new();
        write(&mut written, b"{}").unwrap();
        write(&mut written, "é".as_bytes()).unwrap();
        assert_eq!(all(&written), ["{}", "é"]);
    }
}
