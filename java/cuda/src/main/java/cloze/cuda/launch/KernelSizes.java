package cloze.cuda.launch;

import java.util.List;

/** The numbers of one call of a kernel, by the names of the parameters in its Java interface. */
public final class KernelSizes {
    private final List<String> names;
    private final String types;
    private final long[] slots;
    private long asked;

    /** @param types a letter a parameter, as {@link Launcher} has them */
    KernelSizes(List<String> names, String types, long[] slots) {
        this.names = names;
        this.types = types;
        this.slots = slots;
    }

    public long of(String name) {
        int at = names.indexOf(name);
        if (at < 0 || types.charAt(at) != Launcher.WHOLE) {
            throw new IllegalStateException("no size '%s' among %s".formatted(name, names));
        }
        asked |= 1L << at;
        return slots[at];
    }

    public long product(String... factors) {
        long product = 1;
        for (String factor : factors) {
            product = Math.multiplyExact(product, of(factor));
        }
        return product;
    }

    /** Bit i is set if the i-th parameter was asked for: what was made from these sizes depends on no other. */
    long asked() {
        return asked;
    }
}
