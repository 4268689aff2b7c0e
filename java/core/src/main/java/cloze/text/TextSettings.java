package cloze.text;

import cloze.setting.Schema;
import cloze.setting.Setting;

/** The text that a run learns from. */
public record TextSettings(
        @Setting(
                value = "Text: a file, a folder, - for standard input, or the name of an installed set;"
                        + " moby-dick is part of Cloze.",
                label = "PATH")
        String data,

        @Setting(value = "Column of the text in tables; empty for the only one.", label = "NAME")
        String column,

        @Setting(
                value = "char, byte, bpe:N for one of N tokens learnt from the text, or a tokenizer.json.",
                label = "PATH")
        String tokenizer,

        @Setting(value = "Share of the text kept to evaluate on.", label = "SHARE", above = 0, below = 1)
        double heldOut) {
    /** The text in the jar. */
    public static final String EMBEDDED = "moby-dick";

    /** Moby-Dick in characters, a tenth of it held out. */
    public static final TextSettings DEFAULT = new TextSettings(EMBEDDED, "", "char", 0.1);

    public TextSettings {
        Schema.check(TextSettings.class, data, column, tokenizer, heldOut);
    }

    public TextSettings withData(String changed) {
        return Schema.with(this, "data", changed);
    }

    public TextSettings withTokenizer(String changed) {
        return Schema.with(this, "tokenizer", changed);
    }

    public TextSettings withHeldOut(double share) {
        return Schema.with(this, "heldOut", share);
    }
}
