"""The cast: payers, and networks of three sites with their therapists, assistants, students, aides and shifts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random

from compliance.synth.calendar import is_open

PAYERS = (
    ("MCR", "Medicare Part B", "medicare"),
    ("MAD", "Harbor Advantage HMO", "medicare_advantage"),
    ("MCD", "State Medical Assistance", "medicaid"),
    ("COM", "Blue Chesapeake PPO", "commercial"),
    ("TRI", "TRICARE East", "tricare"),
    ("WCP", "Keystone Workers Fund", "workers_comp"),
    ("AUT", "Meridian Auto Casualty", "auto"),
    ("SLF", "Self pay", "self_pay"),
)
PAYER_OF_KIND = {kind: payer_id for payer_id, _, kind in PAYERS}

SITES = (
    ("Hillcrest Physical & Occupational Therapy", "AR", "private_practice"),
    ("St. Brendan Outpatient Rehabilitation", "FL", "hospital_outpatient"),
    ("Millbrook Terrace Therapy", "PA", "snf_part_b"),
)
STAFF = (
    {"PT": ("DPT", "DPT", "PT"), "PTA": 2, "OT": ("OTR/L", "OTD, OTR/L"), "COTA": 1, "SLP": ("CCC-SLP",), "SPT": 1,
    "aide": 1},
    {"PT": ("DPT", "PT, OCS"), "PTA": 1, "OT": ("OTR/L", "OTR/L, CHT"), "COTA": 1, "SLP": ("CCC-SLP", "MS, CF-SLP"),
     "SLPA": 1, "OTS": 1, "aide": 1},
    {"PT": ("DPT", "PT"), "PTA": 1, "OT": ("OTR/L", "OTR/L"), "COTA": 1, "SLP": ("CCC-SLP",), "aide": 1},
)  # fmt: skip
"""Who works at each site: credentials of therapists, numbers of others."""

HELPERS = {
    "PTA": ("PT", "assistant", "PTA"),
    "COTA": ("OT", "assistant", "COTA/L"),
    "SLPA": ("SLP", "assistant", "SLPA"),
    "SPT": ("PT", "student", "SPT"),
    "OTS": ("OT", "student", "OTS"),
    "aide": ("PT", "aide", "Rehab aide"),
}
VOICES = ("terse", "narrative", "template", "dictated", "soap", "bullets", "caps", "running")
CLOCKED_SITES = 2
"""The first two sites keep a time clock; the third exports no shifts and no clock times, as most clinics do not."""

FIRST = [
    "Maria",
    "James",
    "Aisha",
    "Robert",
    "Hannah",
    "Luis",
    "Priya",
    "Daniel",
    "Keisha",
    "Thomas",
    "Elena",
    "Marcus",
    "Ingrid",
    "Samuel",
    "Nadia",
    "Peter",
    "Gloria",
    "Victor",
    "Amara",
    "Henry",
    "Rosa",
    "Walter",
    "Joan",
    "Felix",
    "Beatrice",
    "Owen",
    "Camille",
    "Ravi",
    "Doris",
    "Leon",
    "Yuki",
    "Martin",
    "Theresa",
    "Andre",
    "Paula",
    "Simon",
    "Lucia",
    "Ethan",
    "Marta",
    "Hugo",
]
LAST = [
    "Alvarez",
    "Bennett",
    "Castillo",
    "Dawson",
    "Eriksen",
    "Farouk",
    "Grant",
    "Hollis",
    "Ibarra",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreno",
    "Novak",
    "Okafor",
    "Pereira",
    "Quinn",
    "Rasmussen",
    "Sandoval",
    "Tran",
    "Underwood",
    "Vasquez",
    "Whitaker",
    "Xiong",
    "Yoder",
    "Zielinski",
    "Abbott",
    "Brennan",
    "Chaudhry",
    "Delgado",
    "Ellison",
    "Fontaine",
    "Gallagher",
    "Hendricks",
    "Ivanov",
    "Jefferson",
    "Kimura",
    "Lowell",
    "McCabe",
    "Nguyen",
    "Ortega",
    "Paxton",
    "Reyes",
    "Sutherland",
    "Thorne",
    "Umar",
    "Vance",
    "Wexler",
]


@dataclass(eq=False)
class Person:
    """One of the staff. `taken` holds the (day, hour) slots already given to a patient."""

    therapist_id: str
    name: str
    discipline: str
    role: str
    credential: str
    clinic_id: str
    voice: str
    npi: str
    licence: str
    licence_from: date
    licence_to: date
    employed_from: date
    enrolled_on: date | None = None
    leave: frozenset[date] = frozenset()
    taken: set[tuple[date, int]] = field(default_factory=set)
    closes: dict[date, int] = field(default_factory=dict)

    def works(self, day: date) -> bool:
        """Whether this person is at work on an open day."""
        return day not in self.leave

    def free(self, day: date, hour: int) -> bool:
        """Whether a session can begin then."""
        return self.works(day) and (day, hour) not in self.taken

    @property
    def signature(self) -> str:
        """Name with professional identity, as a note is signed."""
        return f"{self.name}, {self.credential}"


@dataclass(eq=False)
class Site:
    """A clinic with its people by discipline and role."""

    clinic_id: str
    name: str
    state: str
    setting: str
    clocked: bool
    people: list[Person]
    npi: str

    def staff(self, discipline: str, role: str) -> list[Person]:
        """The people of one discipline and role."""
        return [person for person in self.people if person.discipline == discipline and person.role == role]


def npi(rng: Random) -> str:
    """A ten-digit number of the shape of an NPI, from the range that is never given out for organisations of one."""
    return f"1{rng.randrange(10**8, 10**9)}"


def network(rng: Random, number: int, first: date, last: date) -> list[Site]:
    """Three sites with their staff. `number` makes their keys unique across networks."""
    sites = []
    people = 0
    for place, ((name, state, setting), staff) in enumerate(zip(SITES, STAFF, strict=True)):
        clinic_id = f"{number * len(SITES) + place + 1:03d}"
        title = name if number == 0 else f"{name} {number + 1}"
        members = []
        for kind, who in staff.items():
            credentials = who if isinstance(who, tuple) else (HELPERS[kind][2],) * who
            for credential in credentials:
                discipline, role, _ = HELPERS.get(kind, (kind, "therapist", ""))
                people += 1
                voice = VOICES[people % len(VOICES)]
                members.append(
                    _person(rng, number * 100 + people, discipline, role, credential, clinic_id, voice, first)
                )
        sites.append(Site(clinic_id, title, state, setting, place < CLOCKED_SITES, members, npi(rng)))
    for site in sites:
        _give_leave(rng, site, first, last)
    return sites


def _person(
    rng: Random,
    number: int,
    discipline: str,
    role: str,
    credential: str,
    clinic_id: str,
    voice: str,
    first: date,
) -> Person:
    licensed = role in ("therapist", "assistant")
    since = first - timedelta(days=rng.randint(500, 4000))
    return Person(
        therapist_id=f"T{number:04d}",
        name=f"{FIRST[(number * 7 + 3) % len(FIRST)]} {LAST[(number * 5 + 1) % len(LAST)]}",
        discipline=discipline,
        role=role,
        credential=credential,
        clinic_id=clinic_id,
        voice=voice,
        npi=npi(rng),
        licence=f"{discipline}{rng.randrange(10000, 99999)}" if licensed else "",
        licence_from=since,
        licence_to=first + timedelta(days=rng.randint(400, 900)),
        employed_from=since + timedelta(days=rng.randint(10, 300)),
        enrolled_on=since + timedelta(days=60) if role == "therapist" and "CF" not in credential else None,
    )


def _give_leave(rng: Random, site: Site, first: date, last: date) -> None:
    """A week off for each therapist who has a colleague, in weeks that do not meet."""
    weeks = max(1, (last - first).days // 7)
    for discipline in ("PT", "OT"):
        colleagues = site.staff(discipline, "therapist")
        if len(colleagues) < 2:
            continue
        chosen = rng.sample(range(weeks), min(weeks, len(colleagues)))
        for person, week in zip(colleagues, chosen, strict=False):
            monday = first - timedelta(days=first.weekday()) + timedelta(days=7 * week)
            person.leave = frozenset(monday + timedelta(days=n) for n in range(5))


def shift_rows(rng: Random, site: Site, days: Iterable[date]) -> Iterable[dict]:
    """Clocked shifts and leave of a site with a time clock; they cover every hour at which it treats."""
    if not site.clocked:
        return
    for day in days:
        for person in site.people:
            key = {"therapist_id": person.therapist_id, "clinic_id": site.clinic_id}
            if not is_open(day):
                continue
            if not person.works(day):
                yield key | {
                    "starts_at": datetime.combine(day, time(8)),
                    "ends_at": datetime.combine(day, time(17)),
                    "kind": "leave",
                }
                continue
            starts = datetime.combine(day, time(7, rng.randrange(30, 56)))
            ends = datetime.combine(day, time(17, rng.randrange(5, 50)))
            if day in person.closes:
                ends = datetime.combine(day, time(person.closes[day], rng.randrange(0, 8)))
            yield key | {"starts_at": starts, "ends_at": ends, "kind": "clocked"}
