//! The floor that `bench/run` measures servers against: a loop that receives once, and sends the
//! same bytes whatever it got. A server that answers each request on its own can hardly need less.
//!
//! `floor PORT FILE [close]`: what to send is in the file; after it, the connection may end.

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, acceptfrom_with, recv, send};
use slab::Slab;
use std::error::Error;
use std::net::Ipv4Addr;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("no port")?.parse()?;
    let response = std::fs::read(arguments.next().ok_or("no file")?)?;
    let closes = arguments.next().is_some();
    // The end is to share a segment with the response.
    let flags = if closes {
        SendFlags::NOSIGNAL | SendFlags::MORE
    } else {
        SendFlags::NOSIGNAL
    };
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into())?;
    // Inherited by what is accepted.
    socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut sockets: Slab<OwnedFd> = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut request = vec![0; 32 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut sockets)?;
                continue;
            }
            let Token(key) = event.token();
            let Some(socket) = sockets.get(key) else {
                continue;
            };
            let is_over = match recv(socket, &mut *request, RecvFlags::empty()) {
                Ok((0, _)) | Err(_) => true,
                Ok(_) => send(socket, &response, flags) != Ok(response.len()) || closes,
            };
            if is_over {
                sockets.remove(key);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    sockets: &mut Slab<OwnedFd>,
) -> Result<(), Box<dyn Error>> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    while let Ok((socket, _)) = acceptfrom_with(listener, flags) {
        let descriptor = socket.as_raw_fd();
        let token = Token(sockets.insert(socket));
        let mut source = SourceFd(&descriptor);
        poll.registry()
            .register(&mut source, token, Interest::READABLE)?;
    }
    Ok(())
}

const LISTENER: Token = Token(usize::MAX);
