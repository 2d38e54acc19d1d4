//! Another implementation reads what this one sends, and this one reads what the other sends.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use imap_codec::decode::Decoder as _;
use imap_codec::encode::Encoder as _;
use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::core::{AString, IString, NString, Tag, Text, Vec1};
use imap_codec::imap_types::extensions::binary::LiteralOrLiteral8;
use imap_codec::imap_types::fetch::{MessageDataItem, Section};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Code, CodeOther, Data, Response, Status, StatusKind};
use imap_codec::imap_types::status::StatusDataItem;
use imap_codec::{CommandCodec, ResponseCodec};
use proptest::prelude::*;

use super::message;
use crate::imap::{
    BodyData, Condition, Decoded, ImapCode, ImapResponse, ImapSession, InternalDate, MailboxName,
    MessageData, ResponseDecoder,
};
use crate::os::secret::Secret;
use crate::pace::Paced;

/// Decodes one response in pieces of this length. Returns also the octets of a message.
fn decode(octets: &[u8], piece: usize) -> (ImapResponse, Vec<u8>) {
    let mut decoder = ResponseDecoder::default();
    let mut message = Vec::new();
    let mut missing = 0;
    for mut piece in octets.chunks(piece) {
        while !piece.is_empty() {
            let (ours, rest) = piece.split_at(missing.min(piece.len()));
            message.extend_from_slice(ours);
            missing -= ours.len();
            let (taken, decoded) = decoder.push(rest).expect("it is a response");
            piece = &rest[taken..];
            match decoded {
                Some(Decoded::Message(octets)) => {
                    missing = usize::try_from(octets).expect("it is short");
                }
                Some(Decoded::Response(response)) => {
                    assert!(piece.is_empty(), "it ends with its last octet");
                    return (response, message);
                }
                None => {}
            }
        }
    }
    panic!("{} is not complete", String::from_utf8_lossy(octets));
}

/// Returns what the other implementation sends for a response.
fn encode(response: &Response<'_>) -> Vec<u8> {
    ResponseCodec::default().encode(response).dump()
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1..=255_u8, 0..40)
}

fn mailbox() -> impl Strategy<Value = Mailbox<'static>> {
    let text = prop_oneof![
        "[ -~]{1,20}".prop_map(String::into_bytes),
        prop::collection::vec(1..=255_u8, 1..20),
    ];
    text.prop_map(|octets| Mailbox::try_from(octets).expect("it has no NUL"))
}

fn body() -> impl Strategy<Value = NString<'static>> {
    prop_oneof![
        Just(NString(None)),
        octets().prop_map(|octets| {
            let literal = octets.try_into().expect("it has no NUL");
            NString(Some(IString::Literal(literal)))
        }),
        "[ -~]{0,30}".prop_map(|text| {
            let quoted = text.try_into().expect("it is ASCII");
            NString(Some(IString::Quoted(quoted)))
        }),
    ]
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("the strategies make no zeros")
}

/// Commands are answered as they come; all octets that the client sends are kept.
#[derive(Clone)]
struct Recorder {
    sent: Arc<Mutex<Vec<u8>>>,
    answers: Cow<'static, [u8]>,
}

impl Recorder {
    fn session() -> (ImapSession<Self>, Arc<Mutex<Vec<u8>>>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let recorder = Self {
            sent: Arc::clone(&sent),
            answers: Cow::Borrowed(
                b"* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\r\n\
                  A1 OK [CAPABILITY IMAP4rev1 LITERAL+] done\r\n",
            ),
        };
        let session = ImapSession::open(recorder, None).expect("the server greets");
        (session, sent)
    }
}

impl Paced for Recorder {}

impl Read for Recorder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = &*self.answers;
        let count = rest.read(buffer)?;
        self.answers = Cow::Owned(rest.to_vec());
        Ok(count)
    }
}

impl Write for Recorder {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.sent
            .lock()
            .expect("no panic")
            .extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the command that the other implementation reads from what was sent.
fn sent(sent: &Mutex<Vec<u8>>) -> CommandBody<'static> {
    let sent = sent.lock().expect("no panic").clone();
    let (rest, Command { tag, body }) = CommandCodec::default()
        .decode_static(&sent)
        .expect("it is a command");
    assert!(rest.is_empty() && tag.inner() == "A1");
    body
}

fn plain(string: &AString<'_>) -> Vec<u8> {
    string.as_ref().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_state_of_any_mailbox_is_read(
        mailbox in mailbox(), messages: u32, next in 1..=u32::MAX, validity in 1..=u32::MAX,
        piece in 1..50_usize,
    ) {
        let items = vec![
            StatusDataItem::UidNext(number(next)),
            StatusDataItem::Unseen(messages),
            StatusDataItem::Messages(messages),
            StatusDataItem::UidValidity(number(validity)),
        ];
        let response = Response::Data(Data::Status { mailbox, items: items.into() });
        let (read, _) = decode(&encode(&response), piece);
        let ImapResponse::Status(status) = read else {
            panic!("{response:?} is a state");
        };
        prop_assert_eq!(status.messages, Some(messages));
        prop_assert_eq!(status.uid_next, Some(next));
        prop_assert_eq!(status.uid_validity, Some(validity));
    }

    #[test]
    fn the_delimiter_of_any_mailbox_is_read(
        mailbox in mailbox(), delimiter in prop::option::of("[!-~]"), piece in 1..50_usize,
    ) {
        let delimiter = delimiter.and_then(|text| text.chars().next());
        let response = Response::Data(Data::List {
            items: Vec::new(),
            delimiter: delimiter.map(|c| c.try_into().expect("it is ASCII")),
            mailbox,
        });
        let (read, _) = decode(&encode(&response), piece);
        prop_assert_eq!(read, ImapResponse::List(delimiter));
    }

    #[test]
    fn the_data_of_any_message_are_read(
        body in body(), seq in 1..=u32::MAX, uid in 1..=u32::MAX, size: u32,
        uid_is_first: bool, piece in 1..50_usize,
    ) {
        let expected = match &body.0 {
            None => None,
            Some(IString::Quoted(text)) => Some(BodyData::Short(text.as_ref().as_bytes().to_vec())),
            Some(IString::Literal(octets)) => Some(BodyData::Streamed(octets.as_ref().len() as u64)),
        };
        let literal = match &body.0 {
            Some(IString::Literal(octets)) => octets.as_ref().to_vec(),
            _ => Vec::new(),
        };
        let uid_item = MessageDataItem::Uid(number(uid));
        let body = MessageDataItem::BodyExt {
            section: Some(Section::Header(None)),
            origin: None,
            data: body,
        };
        let (first, last) = match uid_is_first {
            true => (uid_item, body),
            false => (body, uid_item),
        };
        let items = vec![first, MessageDataItem::Flags(Vec::new()), MessageDataItem::Rfc822Size(size), last];
        let items = Vec1::try_from(items).expect("it is not empty");
        let response = Response::Data(Data::Fetch { seq: number(seq), items });
        let (read, message) = decode(&encode(&response), piece);
        let expected = MessageData { uid: Some(uid), size: Some(size.into()), body: expected };
        prop_assert_eq!(read, ImapResponse::Fetch(expected));
        prop_assert_eq!(message, literal);
    }

    #[test]
    fn any_status_is_read(
        tag in 0..=u32::MAX, kind in 0..3_usize, code in 0..6_usize, text in "[ -Z^-~][ -~]{0,40}",
        uid in 1..=u32::MAX, piece in 1..50_usize,
    ) {
        let code = match code {
            0 => None,
            1 => Some(Code::OverQuota),
            2 => Some(Code::TryCreate),
            3 => Some(Code::UidNext(number(uid))),
            4 => Some(Code::AppendUid { uid_validity: number(7), uid: number(uid) }),
            _ => Some(Code::Other(CodeOther::unvalidated(&b"X-Y z"[..]))),
        };
        let (kind, condition) = [
            (StatusKind::Ok, Condition::Ok),
            (StatusKind::No, Condition::No),
            (StatusKind::Bad, Condition::Bad),
        ][kind];
        let has_code = code.is_some();
        let tag = Tag::try_from(format!("A{tag}")).expect("it is a tag");
        let text = Text::try_from(text).expect("it is ASCII");
        let status = Status::new(Some(tag.clone()), kind, code.clone(), text).expect("it is valid");
        let (read, _) = decode(&encode(&Response::Status(status)), piece);
        let ImapResponse::Tagged(read_tag, answer) = read else {
            panic!("it is tagged");
        };
        prop_assert_eq!(read_tag.to_string(), tag.inner());
        prop_assert_eq!(answer.condition, condition);
        prop_assert_eq!(answer.code.is_some(), has_code);
        match (code, answer.code) {
            (Some(Code::UidNext(number)), read) => {
                prop_assert_eq!(read, Some(ImapCode::UidNext(number.get())));
            }
            (Some(Code::AppendUid { uid, .. }), Some(ImapCode::AppendUid(uids))) => {
                prop_assert_eq!(uids.of_messages(1), Some(vec![uid.get()]));
            }
            (Some(Code::OverQuota), read) => prop_assert_eq!(read, Some(ImapCode::OverQuota)),
            (Some(Code::TryCreate), read) => prop_assert_eq!(read, Some(ImapCode::TryCreate)),
            _ => {}
        }
    }

    #[test]
    fn any_login_is_sent_as_it_is(user in "[^\\r\\n\0]{1,20}", password in octets()) {
        prop_assume!(!password.is_empty() && !password.contains(&b'\r') && !password.contains(&b'\n'));
        let (mut session, written) = Recorder::session();
        let secret = Secret::new(password.clone()).expect("it has no line break");
        session.login(&user, &secret).expect("the server takes it");
        let CommandBody::Login { username, password: read } = sent(&written) else {
            panic!("it is LOGIN");
        };
        prop_assert_eq!(plain(&username), user.as_bytes());
        prop_assert_eq!(plain(read.declassify()), password);
    }

    #[test]
    fn any_message_is_sent_as_it_is(
        octets in octets(), name in "[^[:cntrl:]]{1,20}", seconds in 0..4_000_000_000_i64, zone in -720..840_i32,
    ) {
        let Some(mailbox) = MailboxName::new(&name, Some('/')) else {
            return Ok(());
        };
        let (mut session, written) = Recorder::session();
        let mut outgoing = message(&octets[..]);
        outgoing.internal_date = InternalDate::new(seconds, zone);
        let has_date = outgoing.internal_date.is_some();
        session.append(&mailbox, outgoing).expect("the server takes it");
        let CommandBody::Append { mailbox: read, flags, date, message } = sent(&written) else {
            panic!("it is APPEND");
        };
        let LiteralOrLiteral8::Literal(literal) = message else {
            panic!("it is an ordinary literal");
        };
        let wire = octets.split(|octet| *octet == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        prop_assert_eq!(literal.as_ref(), &wire[..]);
        prop_assert!(flags.is_empty());
        prop_assert_eq!(date.is_some(), has_date);
        if let Some(date) = date {
            prop_assert_eq!(date.as_ref().timestamp(), seconds);
            prop_assert_eq!(date.as_ref().offset().local_minus_utc(), zone * 60);
        }
        let named = match &read {
            Mailbox::Inbox => b"INBOX".to_vec(),
            Mailbox::Other(other) => other.as_ref().to_vec(),
        };
        let plain = mailbox.to_string();
        let plain = plain[1..plain.len() - 1].replace("\\\"", "\"").replace("\\\\", "\\");
        prop_assert!(named.eq_ignore_ascii_case(plain.as_bytes()));
    }
}
