package cloze.train;

import cloze.backend.Backend;
import java.util.Map;

/** State that must survive a restart besides that of the trainer: for example which kernels a backend has chosen. */
public interface ExtraState {
    ExtraState NONE = new ExtraState() {
        @Override
        public Map<String, String> save() {
            return Map.of();
        }

        @Override
        public void restore(Map<String, String> saved) {
            // there is none
        }
    };

    /** The kernels that a backend chose by measuring. A resumed run uses the same ones. */
    static ExtraState choices(Backend backend) {
        return new ExtraState() {
            @Override
            public Map<String, String> save() {
                return backend.choices();
            }

            @Override
            public void restore(Map<String, String> saved) {
                backend.repeat(saved);
            }
        };
    }

    Map<String, String> save();

    /** Called before the first step of a resumed run with what {@link #save} gave. */
    void restore(Map<String, String> saved);
}
