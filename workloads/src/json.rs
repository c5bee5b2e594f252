//! What both readers of JSON share.

/// The parser's message without its own " at line 1 column n", which counts within the line only.
pub(crate) fn without_place(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message.to_owned(),
    }
}
