//! A line of a web server's log.

use serde::{Deserialize, Serialize};

use super::entity;
use crate::chance::Chance;

entity! { struct Address { 0 x0: u8, 1 x1: u8, 2 x2: u8, 3 x3: u8, } }

entity! {
    struct Log {
        0 address: Address,
        1 identity: String,
        2 userid: String,
        3 date: String,
        4 request: String,
        5 code: u16,
        6 size: u64,
    }
}

impl Log {
    pub fn any(chance: &mut Chance) -> Self {
        let mut octet = || chance.next() as u8;
        Self {
            address: Address {
                x0: octet(),
                x1: octet(),
                x2: octet(),
                x3: octet(),
            },
            identity: "-".to_owned(),
            userid: chance.of(&[
                "-", "alice", "bob", "carmen", "david", "eric", "frank", "george", "harry",
            ]),
            date: format!(
                "{:02}/Oct/{}:{:02}:{:02}:{:02} +0000",
                1 + chance.below(28),
                1970 + chance.below(50),
                chance.below(24),
                chance.below(60),
                chance.below(60)
            ),
            request: format!(
                "{} {} HTTP/1.1",
                chance.of(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
                chance.of(&[
                    "/favicon.ico",
                    "/css/index.css",
                    "/css/font-awesome.min.css",
                    "/img/logo-full.svg",
                    "/img/splash.jpg",
                    "/api/login",
                    "/api/logout"
                ])
            ),
            code: [200, 200, 200, 304, 404, 500][chance.below(6)],
            size: chance.next() % 100_000_000,
        }
    }
}
