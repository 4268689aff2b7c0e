package cloze.text.token;

/** {@code add_prefix_space} of the pre-tokenizer ByteLevel: adds a space to a piece that does not start with one. */
record BytePrefix() implements PreTokenizer {
    @Override
    public void split(byte[] utf8, int from, int to, Pieces out) {
        if (from == to || utf8[from] == ' ') {
            out.piece(utf8, from, to);
            return;
        }
        byte[] longer = new byte[to - from + 1];
        longer[0] = ' ';
        System.arraycopy(utf8, from, longer, 1, to - from);
        out.piece(longer, 0, longer.length);
    }
}
