"""Language models behind one protocol (`base.Engine`): llama.cpp, and a scripted one for tests and demos."""
