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

    /** What a backend chose by measuring, so that a run that goes on repeats it. */
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
