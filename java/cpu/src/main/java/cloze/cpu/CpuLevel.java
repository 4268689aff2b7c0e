package cloze.cpu;

import java.util.Locale;

/** The instruction sets that the library is built for; each includes the ones before it. */
public enum CpuLevel {
    /** The instructions of every machine of the architecture. */
    BASELINE,
    /** x86-64-v3: AVX2 and FMA. */
    AVX2,
    /** x86-64-v4: AVX-512 F, BW, CD, DQ, VL. */
    AVX512;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    String fileName() {
        return "libcloze_" + this + ".so";
    }
}
