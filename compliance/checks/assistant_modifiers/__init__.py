"""The modifiers of assistants: CQ and CO, missing, needless or with a wrong partner."""
