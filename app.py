"""The frame of the dashboard: `streamlit run app.py -- PATH`, or `compliance app PATH`.

PATH (or `COMPLIANCE_DATA`) names the records, `COMPLIANCE_POLICIES` a folder of the clinic's own policies, `COMPLIANCE_LAYOUTS`
one of its own layouts of exports.
"""

from compliance.records.load import InputError
from ui import data, filters, frame

page = frame.navigation()
try:
    with frame.waiting():
        offered, dismissed = data.choices(), data.any_dismissed()
except InputError:  # the page says why
    offered, dismissed = filters.Choices(), False
filters.draw(offered, dismissed)
page.run()
