//! The extensions that a server announces in its reply to LHLO (RFC 5321 section 4.1.1.1). Pure.

use super::reply::Reply;
use crate::text::ServerText;

/// The extensions that a server has announced.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Extensions {
    /// 8BITMIME (RFC 6152): MAIL may say that a message has octets above 127.
    pub eight_bit_mime: bool,
    /// CHUNKING (RFC 3030): BDAT, by which a message passes unchanged.
    pub chunking: bool,
    /// PIPELINING (RFC 2920): several commands may be sent at once.
    pub pipelining: bool,
    /// SIZE (RFC 1870): MAIL may name the size of the message.
    pub size: bool,
    /// The lines that announced them, and all others.
    lines: Vec<ServerText>,
}

impl Extensions {
    /// Reads a positive reply to LHLO. Its first line has the name of the server.
    pub fn of(reply: &Reply) -> Self {
        let lines = reply.lines().get(1..).unwrap_or_default().to_vec();
        let has = |name: &str| {
            let keyword = |line: &ServerText| {
                let octets = line.as_octets();
                let end = octets.iter().position(|octet| *octet == b' ');
                octets[..end.unwrap_or(octets.len())].eq_ignore_ascii_case(name.as_bytes())
            };
            lines.iter().any(keyword)
        };
        Self {
            eight_bit_mime: has("8BITMIME"),
            chunking: has("CHUNKING"),
            pipelining: has("PIPELINING"),
            size: has("SIZE"),
            lines: lines.clone(),
        }
    }

    /// Returns the lines of the announcement.
    pub fn lines(&self) -> &[ServerText] {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::reply::ReplyDecoder;

    fn extensions(text: &str) -> Extensions {
        let (_, reply) = ReplyDecoder::default()
            .push(text.as_bytes())
            .expect("the text is a reply");
        Extensions::of(&reply.expect("the reply is complete"))
    }

    #[test]
    fn extensions_are_keywords_in_any_case() {
        let read = extensions("250-host\r\n250-8BITMIME\r\n250-size 1000\r\n250 Chunking\r\n");
        assert!(read.eight_bit_mime && read.size && read.chunking && !read.pipelining);
        let shown: Vec<_> = read.lines().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["8BITMIME", "size 1000", "Chunking"]);
    }

    #[test]
    fn the_name_of_the_server_and_parameters_are_no_extensions() {
        for text in [
            "250 PIPELINING\r\n",
            "250-host\r\n250-XPIPELINING\r\n250 AUTH PIPELINING CHUNKING\r\n",
            "250-host\r\n250  PIPELINING\r\n",
        ] {
            let read = extensions(text);
            assert!(!read.pipelining && !read.chunking, "{text}");
        }
    }
}
