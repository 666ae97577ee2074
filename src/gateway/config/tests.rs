//! Faults and what they say, what is hidden, and the published schema.

use super::*;

const SMALLEST: &str =
    "[kafka]\nbrokers='b:1'\ntopic='face-crops'\n[[camera]]\nid='lobby'\naddress='rtsp://cam/1'\n";

fn faults(more: &str) -> String {
    let faults = Config::parse(&format!("{SMALLEST}{more}")).unwrap_err();
    faults.to_string()
}

#[test]
fn the_published_schema_is_the_one_that_checks() {
    let schema = serde_json::to_string_pretty(&Config::schema()).unwrap() + "\n";
    demograph_core::golden::equals("schemas/camera.v1.schema.json", &schema);
}

#[test]
fn every_fault_is_told_at_once_with_its_fix() {
    let said = faults(
        "user='u'\npassword='hunter2'\nstream_options={'a b'='1'}\nmask=[[[0,0],[1,1]],[[0,0],[1,2],[0,1]]]\nregion={x=0.5,y=0,width=0.6,height=1}\n\
         [[camera]]\nid='lobby'\naddress='clip.mp4'\n[[camera]]\nid='__a'\naddress='rtsp://u:p@cam/1'\nuser='u'\n\
         [http]\nlisten='0.0.0.0:1'\n[crops]\npane='7s'\n",
    );
    for expected in [
        "camera[0].password = (not shown)",
        "camera[0].mask[0]",
        "camera[0].mask[1]",
        "camera[0].region",
        "camera[0].stream_options = \"a b\"",
        "camera[1].id",
        "stands twice",
        "camera[1].address",
        "demograph watch",
        "camera[2].id",
        "camera[2].user",
        "http.listen",
        "crops.pane = 7s",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn unknown_keys_and_wrong_types_are_told_and_no_secret_is() {
    let said = faults("pasword={env='A'}\nfps=90\n");
    assert!(said.contains("camera[0].fps = 90"), "{said}");
    let said = faults("password=['hunter2']\n");
    assert!(
        said.contains("camera[0].password") && !said.contains("hunter2"),
        "{said}"
    );
    let said = Config::parse(
        "[kafka]\nbrokers='b:1'\ntopic='t'\n[[camera]]\nid='a'\naddress=['rtsp://u:hunter2@c']\n",
    );
    let said = said.unwrap_err().to_string();
    assert!(
        said.contains("camera[0].address") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn what_is_shown_holds_no_login() {
    let text = SMALLEST.replace("rtsp://cam/1", "rtsp://u:hunter2@cam/1?token=t0ken");
    let config = Config::parse(&text).unwrap();
    let shown = config.redacted_toml();
    assert!(shown.contains("rtsp://***@cam/1?***"), "{shown}");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(
        config.warnings()[0].contains("holds a login"),
        "{:?}",
        config.warnings()
    );
    // What is shown is a config again.
    Config::parse(&shown).unwrap();
}
