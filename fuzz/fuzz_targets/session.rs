//! Fuzzes a whole session (login, listing, retrieval and QUIT) with any octets from the server, in
//! any pieces. The first octet of the input selects the login. The lengths of the pieces follow.
#![no_main]

mod shared;

use std::io::{self, Read, Write};
use std::vec;

use libfuzzer_sys::fuzz_target;
use mailpull::os::secret::Secret;
use mailpull::pace::Paced;
use mailpull::pop3::{
    Authorization, Credentials, Error, HeaderOf, Mechanism, Retrieved, ServerProfile, SessionHints,
    Sizes,
};

fuzz_target!(|input: &[u8]| {
    let Some((&login, input)) = input.split_first() else {
        return;
    };
    let (octets, pieces) = shared::octets_and_pieces(input);
    let server = FuzzServer {
        piece: &[],
        pieces: pieces.into_iter(),
    };
    if let Ok(retrieved) = converse(server, login) {
        assert!(retrieved <= octets.len());
    }
});

/// Returns the hints of an earlier session, or none.
fn hints(login: u8) -> SessionHints {
    let text = "SASL PLAIN,PIPELINING\nPIPELINING";
    SessionHints {
        profile: ServerProfile::parse(text).filter(|_| login >= 128),
        ..SessionHints::default()
    }
}

/// Selects a mechanism. The first three are the most common.
fn mechanism(login: u8) -> Mechanism {
    match usize::from(login % 128) {
        0 => Mechanism::Apop,
        1 => Mechanism::Plain,
        2 => Mechanism::User,
        other => Mechanism::ALL[other % Mechanism::ALL.len()],
    }
}

/// Does everything that a poll does, and returns the number of octets of messages.
fn converse(server: FuzzServer<'_>, login: u8) -> Result<usize, Error> {
    let password = Secret::new(b"open-sesame".to_vec()).expect("the password can be sent");
    let mut session = Authorization::open(server, &hints(login), None)?;
    session.capabilities()?;
    let credentials = Credentials {
        user: "joe",
        secret: &password,
        host: "pop.example.com",
        binding: Some(b"end point"),
    };
    let mut session = session.login(mechanism(login), &credentials)?;
    let listing = session.list(Sizes::Each)?;
    let positions = listing.positions();
    let messages: Vec<_> = positions.map(|at| listing.message(at, 0)).collect();
    let mut out = Vec::new();
    let mut headers = session.retrieve(messages.iter().take(2).cloned().map(HeaderOf));
    while let Some((_, retrieved)) = headers.next()? {
        if let Retrieved::Body = retrieved {
            while headers.read(&mut out)?.is_some() {}
        }
    }
    let mut pipeline = session.retrieve(messages.into_iter());
    while let Some((_, retrieved)) = pipeline.next()? {
        if let Retrieved::Body = retrieved {
            while pipeline.read(&mut out)?.is_some() {}
        }
    }
    session.quit();
    Ok(out.len())
}

/// A connection from which the input is read. Writing to it has no effect.
struct FuzzServer<'a> {
    piece: &'a [u8],
    pieces: vec::IntoIter<&'a [u8]>,
}

impl Paced for FuzzServer<'_> {}

impl Read for FuzzServer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        self.piece.read(buffer)
    }
}

impl Write for FuzzServer<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
