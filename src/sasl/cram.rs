//! CRAM-MD5 (RFC 2195): HMAC-MD5 (RFC 2104) over a challenge. Pure.

use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::hex;
use crate::os::secret::Secret;

/// The block size of MD5 in octets.
const BLOCK: usize = 64;

/// Returns the response to a challenge, before base64: the user and the digest.
pub(super) fn response(user: &str, secret: &Secret, challenge: &[u8]) -> Zeroizing<Vec<u8>> {
    let digest = hmac(secret.expose(), challenge);
    Zeroizing::new([user.as_bytes(), b" ", hex::encode(&digest).as_bytes()].concat())
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 16] {
    let mut block = Zeroizing::new([0; BLOCK]);
    let hashed = Zeroizing::new(<[u8; 16]>::from(Md5::digest(key)));
    let key = if key.len() > BLOCK { &hashed[..] } else { key };
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| Zeroizing::new(block.map(|octet| octet ^ pad));
    let inner = Md5::new().chain_update(*padded(0x36)).chain_update(text);
    let outer = Md5::new().chain_update(*padded(0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_the_example_of_rfc_2195() {
        let secret =
            Secret::new(b"tanstaaftanstaaf".to_vec()).expect("the password has no line break");
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            *response("tim", &secret, challenge),
            b"tim b913a602c7eda7a495b4e6e7334d3890"
        );
    }

    #[test]
    fn the_digests_are_the_examples_of_rfc_2202() {
        for (key, text, digest) in [
            (
                &[0x0b; 16][..],
                &b"Hi There"[..],
                "9294727a3638bb1c13f48ef8158bfc9d",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "750c783e6ab0b503eaa86e310a5db738",
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
            ),
        ] {
            assert_eq!(hex::encode(&hmac(key, text)), digest);
        }
    }
}
