//! A TCP port that no other test process takes.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what systems hand out by themselves, so that neither a port 0 nor the near end
/// of somebody's connection is among them: the port is free again after a restart.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port on 127.0.0.1 for one server, also while that server is stopped.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    /// Nobody talks UDP here: who holds the UDP port of that number has the TCP port to
    /// itself among all that reserve this way. It is free when the process ends.
    _reservation: UdpSocket,
}

impl Port {
    /// Takes the next one that is free.
    pub(crate) fn reserve() -> Self {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let begin = u16::try_from(process::id() % u32::from(COUNT)).expect("less than COUNT");
        for _ in 0..COUNT {
            let step = TRIED.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (begin + step) % COUNT;
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
            match UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) {
                Ok(reservation) if free => {
                    return Self {
                        number,
                        _reservation: reservation,
                    };
                }
                _ => {}
            }
        }
        panic!("no port of 127.0.0.1 is free");
    }
}
