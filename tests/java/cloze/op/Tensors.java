package cloze.op;

import cloze.backend.Backend;
import cloze.tensor.Scope;
import java.util.function.Consumer;

/** A scope for tests that only need tensors of some shape. */
final class Tensors {
    private Tensors() {}

    static void with(Consumer<Scope> test) {
        try (Backend backend = Device.all().getFirst().open(1);
                Scope scope = backend.memory().scope("test")) {
            test.accept(scope);
        }
    }
}
