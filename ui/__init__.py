"""What the pages share: the frame, the filters, the data with every cache, and small parts. Only here and in `pages/`,
besides `app.py`, is Streamlit imported."""
