"""What the tests of damaged logs post: the horizon is short, so that a stream can begin anew soon after a loss."""

from schemas.core.language import Event, View, count, int64, string, sum_

FIELDS = {"depot": string, "grams": int64}

parcel = Event("parcel", fields=FIELDS, epoch="1s", horizon="2s")
letter = Event("letter", fields=FIELDS, epoch="1s", horizon="2s")

parcels = View("parcels", on=parcel, by="depot", features={"sent": count(), "grams": sum_("grams")})
letters = View("letters", on=letter, by="depot", features={"sent": count(), "grams": sum_("grams")})
