package cloze.cuda;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The numbers of one call of a kernel, by the names of the parameters in its Java interface. */
final class Sizes {
    private final List<String> names;
    private final @Nullable Object[] arguments;

    Sizes(List<String> names, @Nullable Object[] arguments) {
        this.names = names;
        this.arguments = arguments;
    }

    long of(String name) {
        int at = names.indexOf(name);
        if (at < 0 || !(arguments[at] instanceof Long value)) {
            throw new IllegalStateException("no size '%s' among %s".formatted(name, names));
        }
        return value;
    }

    long product(String... factors) {
        long product = 1;
        for (String factor : factors) {
            product = Math.multiplyExact(product, of(factor));
        }
        return product;
    }
}
