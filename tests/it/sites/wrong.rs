//! Wrong settings of sites, and the messages about them.

use super::launch;
use crate::support::Site;

#[test]
fn wrong_settings_of_sites_are_refused_with_their_place_and_advice() {
    for (settings, said) in [
        (
            "[[site]]\nhosts = 'a.test'\n",
            ":1:1: site: it has no root; write one like root = \"/srv/www\"",
        ),
        (
            "[[site]]\nroot = '/srv'\nlistin = true\n",
            ":3:1: site: there is no \"listin\"; did you mean listing?",
        ),
        (
            "[[site]]\nroot = '/srv'\nport = 80\n",
            ":3:1: site: port is a setting of the whole server; move it above all tables",
        ),
        (
            "[[site]]\nroot = '/srv'\nhosts = ['a.test:80']\n",
            ":3:10: site: hosts: \"a.test:80\" has a port; write the host alone",
        ),
        (
            "[[site]]\nroot = '/srv'\nhosts = '*'\n",
            ":3:9: site: hosts: \"*\" is not a host; leave hosts out for any host",
        ),
        (
            "[[site]]\nroot = '/srv'\nhosts = []\n",
            ":3:9: site: hosts: there is none; leave hosts out for any host",
        ),
        (
            "[[site]]\nroot = '/srv'\npath = 'docs/'\n",
            ":3:8: site: path: \"docs/\" does not begin with a slash",
        ),
        (
            "[[site]]\nroot = '/srv'\npath = '/docs/**'\n",
            ":3:8: site: path: \"/docs/**\" has a '*'; write a path that URLs begin with",
        ),
        (
            "[[site]]\nroot = '/srv'\nspa = 'yes please'\n",
            ":3:7: site: spa: \"yes please\" is neither true nor false, nor the path of a start page",
        ),
        (
            "[[site]]\nroot = '/srv'\nhosts = ['a.test', 'b.test']\n\n[[site]]\nroot = '/www'\n\
             hosts = 'B.test.'\n",
            "site: b.test with the path / is already the site of ",
        ),
        (
            "root = '/srv'\n[[site]]\nroot = '/www'\n",
            "site: any host with the path / is already the site of ",
        ),
        (
            "[site]\nroot = '/srv'\n",
            ":1:1: site is a list; write [[site]] above each entry",
        ),
        (
            "[[sites]]\nroot = '/srv'\n",
            ":1:3: unknown setting \"sites\"; did you mean site?",
        ),
        (
            "[[site]]\nroot = '/srv'\n[[site.redirect]]\nfrom = 'old'\nto = '/new'\n",
            ":4:8: redirect: from: \"old\" does not begin with a slash",
        ),
    ] {
        let site = Site::new();
        let mut process = launch(&site, settings).arg("--check").spawn();
        assert!(!process.wait().success(), "{settings}");
        let stderr = process.end();
        assert!(stderr.contains(said), "{settings}\n{stderr}");
    }
}

#[test]
fn wrong_certificates_of_sites_are_refused_with_their_place_and_advice() {
    for (settings, said) in [
        (
            "[[site]]\nroot = '/srv'\ntls-certificate = '/c.pem'\n",
            ":1:1: site: tls-certificate needs tls-key as well",
        ),
        (
            "[[site]]\nroot = '/srv'\nhosts = 'a.test'\ntls-certificate = '/c.pem'\ntls-key = '/k.pem'\n\
             [[site]]\nroot = '/srv'\nhosts = 'a.test'\npath = '/b/'\n\
             tls-certificate = '/d.pem'\ntls-key = '/k.pem'\n",
            ":6:1: site: a.test has the certificate /c.pem already, by another site; use one for both",
        ),
    ] {
        let site = Site::new();
        let mut process = launch(&site, settings).arg("--check").spawn();
        assert!(!process.wait().success(), "{settings}");
        let stderr = process.end();
        assert!(stderr.contains(said), "{settings}\n{stderr}");
    }
}

#[test]
fn sites_that_collide_are_named_with_both_lines() {
    let site = Site::new();
    let settings = "[[site]]\nhosts = 'a.test'\npath = '/docs'\nroot = '/srv'\n\n\
                    [[site]]\nhosts = 'A.test'\npath = '/docs/'\nroot = '/www'\n";
    let mut process = launch(&site, settings).arg("--check").spawn();
    process.wait();
    let stderr = process.end();
    assert!(stderr.contains("millpond.toml:6:"), "{stderr}");
    assert!(stderr.contains("is already the site of "), "{stderr}");
    assert!(stderr.contains("millpond.toml:1:"), "{stderr}");
}
